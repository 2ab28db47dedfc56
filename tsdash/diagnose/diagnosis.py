"""The way through a diagnosis: collect all evidence about a subject, rank it, state the causes."""

from __future__ import annotations

from tsdash import spec
from tsdash.diagnose import replay
from tsdash.diagnose.evidence import collect
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.ranking import rank
from tsdash.diagnose.subject import Subject


def diagnose(subject: Subject):
    return diagnose_with_notes(subject)[0]

def diagnose_with_notes(subject):
    lab = Laboratory(subject)
    return rank(collect(lab), lab), lab.notes
