"""Every cause by name: what happened, what to do about it, and why it happens. Importable without torch.

A fix is code or an instruction in general terms; a kind of evidence that knows the user's line puts its own in its place.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CauseEntry:
    """One cause: `happened` in one line, `fix` as code or an instruction, `why` as two or three sentences to learn from; of
    torch.export `why_program`, where it does otherwise than a trace."""

    happened: str
    fix: str
    why: str
    why_program: str = ""


CAUSES: dict[str, CauseEntry] = {
    "baked_control_flow": CauseEntry(
        happened="A branch, loop condition or early exit was decided while tracing.",
        fix="y = torch.where(condition, one, other)  # or script the function that branches",
        why="A trace records the operators that ran, and Python's if is not an operator: the side that the example inputs took"
        " is all that is left. torch.where computes both sides and chooses while it runs.",
        why_program="torch.export keeps the operators of the side that the example took. A decision on a size becomes a guard,"
        " which raises at every size that decides otherwise; one on a value stops the export. What Python decides by anything"
        " else, such as a flag, is fixed. torch.cond keeps both sides.",
    ),
    "unrolled_loop": CauseEntry(
        happened="A loop over a size, a split or a list was unrolled to its length while tracing.",
        fix="Work on the whole tensor at once, or put the loop in a function under @torch.jit.script_if_tracing.",
        why="Each round of a Python loop leaves its operators in the trace, as many as the example had. With more rows the rest"
        " is ignored, with fewer the trace reaches beyond the end.",
        why_program="torch.export runs the loop and keeps the operators of as many rounds as the example had. A size that set"
        " their number becomes a guard: at any other the export raises. torch.while_loop stays a loop, and one operator over the"
        " whole tensor needs none.",
    ),
    "baked_shape": CauseEntry(
        happened="A size became a Python number and is a constant in the trace.",
        fix="half = x.size(1) // 2  # stays symbolic; int(), float(), len(), math and min() do not",
        why="While tracing, x.size() gives a number that remembers where it came from, and arithmetic on it is recorded. int(),"
        " len() or the math module turn it into a plain number, and the trace keeps the example's.",
        why_program="In torch.export sizes are symbols, and arithmetic on them stays. Where Python needs the number itself, it"
        " takes the example's, and a guard raises at any other size.",
    ),
    "baked_constant": CauseEntry(
        happened="A tensor's value became a Python or numpy value and is a constant in the trace.",
        fix="Stay in tensors: no .item(), .tolist(), float() or numpy between input and output.",
        why="Python sees the value of the example inputs, and so does everything computed from it. The trace cannot record what"
        " happens outside torch, so the result comes back as a constant.",
    ),
    "baked_layout": CauseEntry(
        happened="Strides or contiguity were read while tracing.",
        fix="windows = x.unfold(1, 3, 1)  # operators read the strides themselves, each time",
        why="Strides belong to one tensor in memory, not to the model. Another size or another layout has others, and the trace"
        " goes on with those of the example.",
        why_program="Strides belong to one tensor in memory, not to the model. torch.export reads those of the example, and"
        " another layout meets the operators that were chosen for it.",
    ),
    "dtype_baked": CauseEntry(
        happened="A dtype is a constant in the export.",
        fix='scores.masked_fill(hide, float("-inf"))  # or y.type_as(x), or export in the dtype that will be served',
        why="x.dtype and torch.finfo(x.dtype) are read when the export is made. A module that is cast afterwards meets the old"
        " dtype in its own constants.",
    ),
    "device_baked": CauseEntry(
        happened="A device is a constant in the export.",
        fix='self.register_buffer("frequencies", torch.arange(4.0))  # buffers move with the module',
        why="torch.arange(n, device=x.device) is recorded with the device of the example. Loaded elsewhere, the new tensor still"
        " appears on the old device and meets the input there.",
    ),
    "training_mode": CauseEntry(
        happened="It was exported in a training mode that stays, whatever .eval() or .train() says later.",
        fix="model.eval()  # before exporting, never on the export",
        why="Dropout and batch norm ask self.training in Python. A trace keeps what they did then, and freezing removes the"
        " question altogether.",
    ),
    "python_state": CauseEntry(
        happened="Python attributes or rebound buffers that change from call to call are frozen.",
        fix="Take the state as an argument and return it, or keep it in a buffer that is changed in place.",
        why="An export knows tensors, not attributes: self.step += 1 ran once, while exporting, and its value is a constant. The same"
        " goes for globals, closures and a buffer that is replaced rather than written to.",
    ),
    "export_side_effect": CauseEntry(
        happened="Exporting itself changed the model's state.",
        fix="Export from a copy that you throw away: torch.jit.trace(copy.deepcopy(model), inputs), with check_trace=False.",
        why="Tracing calls the model, and its check calls it again. A buffer that forward updates has moved on before the first"
        " real input arrives.",
    ),
    "rng": CauseEntry(
        happened="Random numbers drawn outside torch are frozen.",
        fix="noise = torch.rand(())  # a draw by torch is an operator; one by random or numpy is a constant",
        why="An export holds operators of torch. A number from random, numpy or the clock was drawn once, while exporting.",
    ),
    "lost_check": CauseEntry(
        happened="An assert or exception of eager is gone.",
        fix='torch._assert(condition, "message")  # or check before calling the model',
        why="A trace keeps no raise: an input that eager refuses gets an answer, and nobody knows that it means nothing.",
        why_program="torch.export keeps no raise of Python's: an input that eager refuses gets an answer, and nobody knows that"
        " it means nothing. torch._check stays in its graph.",
    ),
    "output_structure": CauseEntry(
        happened="A dict, dataclass, NamedTuple, None or nesting is lost or refused.",
        fix="return mean, spread  # a plain tuple of tensors is the same everywhere",
        why="Exported code returns tensors in tuples, lists and some dicts. Classes of your own lose their names or are refused.",
    ),
    "signature": CauseEntry(
        happened="Optional, keyword or non-tensor arguments are lost or refused.",
        fix="def forward(self, x: torch.Tensor, temperature: torch.Tensor):  # a tensor, also for one number",
        why="A trace takes tensors, and containers of tensors. Numbers, flags and None are fixed or refused, and a script needs"
        " the type of every argument that is not a tensor.",
    ),
    "script_semantics": CauseEntry(
        happened="TorchScript gives a Python expression another meaning.",
        fix="k = self.k if self.k != 0 else 3  # say it without `or`; for `//` on floats write torch.floor(a / b)",
        why="TorchScript looks like Python and is another language: `or` gives a bool, some operators on floats round elsewhere,"
        " and comparisons with NaN have their own rules.",
    ),
    "int_overflow": CauseEntry(
        happened="Python integers are unbounded, TorchScript's wrap at 64 bits.",
        fix="Take the remainder at every step, so that no number needs more than 64 bits.",
        why="A hash or a product that Python computes exactly wraps around in compiled code, silently.",
    ),
    "constant_aliasing": CauseEntry(
        happened="A scripted constant is written to.",
        fix="total = torch.zeros(1).clone()  # or make the tensor inside the loop",
        why="The compiler takes equal constants for one tensor. Written to in place, one changes with the other, and they keep"
        " what the last call left in them.",
    ),
    "python_dispatch": CauseEntry(
        happened="An overridden __call__ or a patched forward is ignored.",
        fix="class Tuned(nn.Linear): ...  # a class with its own forward, not an instance whose forward was replaced",
        why="A script compiles the class of a module and shares the code between modules of one class. What was put on a single"
        " instance, or around __call__, is not part of it.",
    ),
    "unsupported_python": CauseEntry(
        happened="The compiler, or the compiled code when run, refuses the construct.",
        fix="Rewrite the line in the subset that can be compiled, or move it out of the model.",
        why="Scripts and torch.export read a part of Python. Lambdas, **kwargs, most classes, other libraries and decisions on"
        " values lie outside it.",
    ),
    "process_crash": CauseEntry(
        happened="The exported code kills its process.",
        fix="Guard the operation in the model: no integer division or remainder by a size that can be zero.",
        why="Compiled code runs without Python's safety net: what raises ZeroDivisionError in eager ends the whole process.",
    ),
    "folding_numerics": CauseEntry(
        happened="Folding changed the arithmetic beyond tolerance.",
        fix="Ship the mode without freezing, or keep the layer in float32 before it is folded.",
        why="Freezing multiplies a batch norm into the weights before it. Where the weights leave the range of their dtype, the"
        " folded layer is another layer.",
    ),
    "argmax_tie": CauseEntry(
        happened="A class flips between values that are equal to within noise.",
        fix="Return the scores and decide outside, or break ties on purpose.",
        why="Two scores that differ by less than rounding are the same score. Which one is larger depends on the order of"
        " additions, and that may differ between two correct programs.",
    ),
    "unknown": CauseEntry(
        happened="The difference is real and nothing above explains it.",
        fix="Compare module by module from the input on, and report what you find.",
        why="No kind of evidence spoke. The repro reproduces the difference without tsdash.",
    ),
}
