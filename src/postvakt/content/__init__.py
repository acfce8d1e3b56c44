"""What analysts write, as data: rules, indicators, directives, chains, build tables; and what checks them."""

from postvakt.content.checking import Problem, check
from postvakt.content.library import Content, Text, load
from postvakt.model.build import Build, Flaw

__all__ = ["Build", "Content", "Flaw", "Problem", "Text", "check", "load"]
