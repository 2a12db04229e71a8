"""An evaluation and an agreement with every kind of error and with hostile texts, and random labelings."""

from __future__ import annotations

from dataclasses import replace

from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.evaluation.annotators.agreement import Agreement, agree
from conflict_ner.evaluation.report import Evaluation, score
from hypothesis import settings
from hypothesis import strategies as st

ATTACK = "</script><script>window.taken = 1</script><img src=x onerror='window.taken = 1'>"
LABELS = ("ACTOR", "<b>$W", "LOCATION")
HISTORY = ({"epoch": 1, "loss": 0.9, "strict_f1": 0.4}, {"epoch": 2, "loss": float("nan"), "strict_f1": 0.6})

properties = settings(max_examples=50, deadline=None, derandomize=True, database=None)


def labelings(length: int, labels: str = "ABC") -> st.SearchStrategy[list[Mention]]:
    """Up to six mentions that do not overlap, in order, in a text of this length; they may touch."""
    gaps = st.tuples(st.integers(0, 4), st.integers(1, 6), st.sampled_from(labels))
    return st.lists(gaps, max_size=6).map(lambda drawn: _place(drawn, length))


def _place(drawn: list[tuple[int, int, str]], length: int) -> list[Mention]:
    mentions, end = [], 0
    for gap, size, label in drawn:
        start, end = end + gap, end + gap + size
        if end > length:
            break
        mentions.append(Mention(start, end, label))
    return mentions


def entity(text: str, start: int, end: int, label: str, score: float = 0.9) -> Entity:
    return Entity(label, text[start:end], start, end, score)


def evaluation() -> Evaluation:
    """Return an evaluation of three reports: one with each kind of error, one hostile, one correct in two lines."""
    first = "Rebels took the Grad rocket in Goma. The Somali army left Beni, police say. Calm in Kivu."
    gold = [(0, 6, "ACTOR"), (16, 27, "<b>$W"), (31, 35, "LOCATION"), (41, 52, "ACTOR"), (58, 62, "LOCATION")]
    found = [
        (0, 6, "ACTOR", 0.99),
        (16, 20, "<b>$W", 0.7),  # wrong edges
        (31, 35, "ACTOR", 0.8),  # wrong label
        (48, 52, "LOCATION", 0.55),  # wrong label and edges; Beni is missed
        (64, 70, "ACTOR", 0.95),  # spurious
    ]
    second = f"Rebels {ATTACK} left & went <i>home</i>."
    third = "KIVU\n\nRebels left \N{ARABIC LETTER AIN}\N{ARABIC LETTER BEH}."
    documents = (
        Document("r-1", first, tuple(Mention(*one) for one in gold), {"theatre": "Kivu", "year": 2011}),
        Document(ATTACK, second, (Mention(0, 6, "ACTOR"),), {"theatre": ATTACK, ATTACK: [ATTACK]}),
        Document("r-3", third, (Mention(6, 12, "ACTOR"),), {"theatre": "Kivu"}),
    )
    spans = (tuple(entity(first, *one) for one in found), (), (entity(third, 6, 12, "ACTOR", 0.97),))
    report = score(documents, spans, LABELS, threshold={"<b>$W": 0.5})
    return Evaluation(f"model {ATTACK}", f"data {ATTACK}", LABELS, documents, spans, report, HISTORY)


def agreement() -> Agreement:
    """Return the agreement of three annotators, one of them with a hostile name, on the reports of `evaluation`.

    The second has what the model of `evaluation` found; the third, as the first, but not the report with one mention.
    """
    original = evaluation()
    found = [
        replace(document, mentions=tuple(Mention(e.start, e.end, e.label) for e in entities))
        for document, entities in zip(original.documents, original.predicted, strict=True)
    ]
    annotations = {"anna": original.documents, ATTACK: found, "carla": original.documents[:2]}
    return agree(annotations, LABELS)
