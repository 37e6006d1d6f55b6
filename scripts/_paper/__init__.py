"""The experiments of Zeiler and Fergus on photos: what their scripts share, measure and draw."""
