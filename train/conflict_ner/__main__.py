"""`python -m conflict_ner`, for `accelerate launch -m conflict_ner train CONFIG`."""

from conflict_ner.cli import main

main()
