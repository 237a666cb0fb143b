"""What is wrong at the moment: each trouble is said once, and once more when it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """A line for the user.

    topic
        What it is about (``colour``, ``synchronization``, ...), the same while it lasts.
    is_trouble
        False when a trouble is over, or for a mere event.
    """

    topic: str
    text: str
    is_trouble: bool


@dataclass
class _Trouble:
    text: str
    last_seen_ns: int


class Conditions:
    """The troubles there are, by topic.

    One is over when it was not seen for ``calm_ns``, so that a trouble of every other frame is
    not said with every other frame.
    """

    def __init__(self, say: Callable[[Notice], None], calm_ns: int) -> None:
        self.calm_ns = calm_ns
        self._say = say
        self._troubles: dict[str, _Trouble] = {}

    @property
    def troubles(self) -> dict[str, str]:
        """Text of each trouble that lasts, by topic."""
        return {topic: trouble.text for topic, trouble in self._troubles.items()}

    def see(self, topic: str, text: str, now_ns: int) -> None:
        """Note that a trouble is there, and say it if it is new."""
        is_new = topic not in self._troubles
        self._troubles[topic] = _Trouble(text, now_ns)
        if is_new:
            self._say(Notice(topic, text, is_trouble=True))

    def end(self, topic: str, text: str = "") -> None:
        """Note that a trouble is over, with ``text`` instead of the usual one."""
        if self._troubles.pop(topic, None) is not None:
            self._say(Notice(topic, text or f"{topic}: all right again", is_trouble=False))

    def end_calm(self, now_ns: int) -> None:
        """End what was not seen for a while."""
        for topic, trouble in list(self._troubles.items()):
            if now_ns - trouble.last_seen_ns > self.calm_ns:
                self.end(topic)

    def tell(self, topic: str, text: str) -> None:
        """Say an event that is over at once."""
        self._say(Notice(topic, text, is_trouble=False))
