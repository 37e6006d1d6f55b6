"""`jax.jit` for programs that run once: most of the time would go into optimizing them."""

import functools

import jax

jit = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
)
