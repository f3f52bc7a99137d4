"""A row on distillation: a student of few pictures, alone and with a teacher who has seen all."""

from acceptance.session import Outcome, Session, percent

FEW = "fashion-mnist:examples=3000"
STUDENT = f"cartograd train mlp:widths=[64] --data {FEW} --epochs 15 --set seed=SEED"
TEACHER = "cartograd train lenet5 --data fashion-mnist --epochs 3 --set seed=SEED"
TAUGHT = "objective=distill:teacher=TEACHER,temperature=4,alpha=0.9"


def distillation(session: Session, /) -> Outcome:
    """Soft targets carry over what the teacher learned from pictures that the student never saw."""
    teachers = [session.train(TEACHER, seed) for seed in session.seeds]
    command = f"{STUDENT} {TAUGHT}"
    runs = [
        session.train(command.replace("TEACHER", str(teacher.folder)), seed)
        for teacher, seed in zip(teachers, session.seeds, strict=True)
    ]
    alone = [percent(session.train(STUDENT, seed).metric("accuracy")) for seed in session.seeds]
    measured = [percent(run.metric("accuracy")) for run in runs]
    knows = [percent(run.metric("accuracy")) for run in teachers]
    gains = [with_it - without for with_it, without in zip(measured, alone, strict=True)]
    return Outcome(
        claim="An MLP of 3,000 pictures, distilled from a LeNet-5 of 55,000",
        command=command,
        measured=measured,
        asked="more than the same student with labels alone, for each seed",
        passed=min(gains) > 0,
        beside={
            "labels alone": ", ".join(f"{one:.2f} %" for one in alone),
            "gain": ", ".join(f"{one:+.2f}" for one in gains),
            "the teacher": ", ".join(f"{one:.2f} %" for one in knows),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            f"The teacher: `{TEACHER}`; it has seen the student's pictures, and 52,000 more.",
            "Where both see the same few pictures and the student is very small, the claim "
            "kl-is-distillation finds no gain.",
        ],
    )
