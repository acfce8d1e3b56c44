"""What analysts write, as data: rules, indicators, directives, chains, build tables; and what checks them."""

from postvakt.content.checking import Problem, check
from postvakt.content.library import Build, Content, Text, load

__all__ = ["Build", "Content", "Problem", "Text", "check", "load"]
