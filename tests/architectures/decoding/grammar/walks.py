"""Random walks through automata."""


def walked(automaton, rng, length):
    """A text of at most so many bytes, chosen at random among those that may follow."""
    state, text = automaton.START, b""
    while True:
        automaton.find(state)
        row, room = automaton.table[state], length - len(text)
        going = [b for b in range(256) if row[b] >= 0 and automaton.over[row[b]] <= room - 1]
        if automaton.ends[state] and (not going or rng.random() < 0.15):
            return text.decode()
        byte = rng.choice(going)
        text, state = text + bytes([byte]), int(row[byte])
