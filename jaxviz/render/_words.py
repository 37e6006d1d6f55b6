"""Numbers in words that read alike, whatever their size."""

import math

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 3) -> str:
    """A number with three digits that count, thousands apart, and a true minus sign.

    Example:
        >>> number(952.3), number(1003.2), number(-0.25), number(0.0000123)
        ('952', '1,003', '−0.25', '1.23×10⁻⁵')

    Args:
        value: any number.
        digits: how many count; whole numbers are never rounded to tens.

    Returns:
        The text. Below one in ten thousand and from a million on it has a power of ten.
    """
    if not math.isfinite(value):
        return f"{value}".replace("-", "−")
    exponent = int(f"{abs(value):.{digits - 1}e}".split("e")[1])
    if value and not -4 <= exponent < 6:
        mantissa = f"{value:.{digits - 1}e}".split("e")[0]
        return f"{_plain(mantissa)}×10{str(exponent).translate(_SUPERSCRIPT)}"
    return _plain(f"{value:,.{max(digits - 1 - exponent, 0)}f}")


def percent(share: float) -> str:
    """A share of [0, 1] in percent with one digit behind the point; what is not nothing, or not all, does not look so.

    Example:
        >>> percent(0.482), percent(0.00001), percent(0.0), percent(0.9999)
        ('48.2%', '<0.1%', '0.0%', '>99.9%')
    """
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{share:.1%}"


def _plain(text: str) -> str:
    text = text.replace("-", "−")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("−0", "") else text
