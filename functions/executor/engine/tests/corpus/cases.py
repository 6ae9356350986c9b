"""The corpus: messy sheets as people send them, each with one thing that is hard about it.

A case is a name and the rows of a sheet, or the bytes of a delimited file. What must come of it is in
``golden/<name>.json``; ``UPDATE=1`` writes those files, and a person reads the difference.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

Rows = list[list[Any]]

HEADER = ["First Name", "Last Name", "Email", "Hours", "Start Date"]
DAY = dt.datetime(2024, 2, 29)
ANN = ["Ann", "Lee", "ann@x.org", 40, DAY]
BOB = ["Bob", "Ray", "bob@x.org", 38.5, DAY]
CYD = ["Cyd", "Day", "cyd@x.org", 12, DAY]
NAMES = ["Full Name", "E-mail"]
JANE = ["Doe, Jane Q", "jane@x.org"]
MAX = ["Max Mid Muster", "max@x.org"]
PEOPLE = ["First Name", "Last Name", "Email"]
PHONES = ["First Name", "Last Name", "Phone"]
GROUPS = ["Person", None, "Contact"]
STREETS = ["Name", "Street", "City"]
PLACES = [
    ["Ann Lee", "Main Street", "Oslo"],
    ["Bob Ray", "State Street", "Mexico City"],
    ["Cyd Day", "First Street", "New York City"],
    ["Dan Fox", "Oak Lane", "Bonn"],
]


def people(*names: str) -> Rows:
    return [[name, "Lee", f"{name.lower()}@x.org"] for name in names]


SHEETS: dict[str, Rows] = {
    "plain": [HEADER, ANN, BOB],
    "one_row": [HEADER, ANN],
    "header_only": [HEADER],
    "title_above": [["Quarterly report"], HEADER, ANN, BOB],
    "titles_and_gap": [["Quarterly report"], ["All figures in hours"], [], HEADER, ANN, BOB],
    "label_value_block": [["Employer:", "Acme"], ["Period:", "2024"], [], HEADER, ANN, BOB],
    "label_value_without_gap": [["Employer:", "Acme"], ["Period:", "2024"], HEADER, ANN, BOB],
    "blank_rows_inside": [HEADER, ANN, [], [], BOB, [], CYD],
    "white_space_rows": [HEADER, ANN, ["  ", " "], BOB],
    "total_below": [HEADER, ANN, BOB, ["Total", None, None, 78.5]],
    "subtotal_inside": [HEADER, ANN, ["Subtotal", None, None, 40], [], BOB, ["Grand total", None, None, 78.5]],
    "total_is_a_name": [NAMES, ["Total Health Ltd", "info@th.org"], JANE],
    "notes_below": [HEADER, ANN, BOB, [], ["Note: preliminary"], ["Source: HR export"]],
    "notes_under_a_word": [HEADER, ANN, BOB, [], ["Notes"], ["All figures are preliminary"], ["Hours include leave"]],
    "notes_under_a_word_without_gap": [HEADER, ANN, BOB, ["Notes"], ["All figures are preliminary"]],
    "a_word_is_no_note": [HEADER, ANN, ["Bob"], [], ["Cyd"], CYD],
    "notes_without_gap": [HEADER, ANN, BOB, ["* Preliminary figures"]],
    "repeated_header": [HEADER, ANN, [], HEADER, BOB],
    "page_breaks": [HEADER, ANN, [], ["Page 2 of 2"], HEADER, BOB],
    "two_below": [HEADER, ANN, [], NAMES, JANE],
    "two_below_with_titles": [["Staff"], HEADER, ANN, [], ["Guests and helpers"], NAMES, JANE, MAX],
    "three_below": [HEADER, ANN, [], NAMES, JANE, [], ["Kunde", "Betrag"], ["Meier", 12.5]],
    "side_by_side": [[*NAMES, None, *HEADER], [*JANE, None, *ANN], [None, None, None, *BOB]],
    "side_by_side_uneven": [NAMES, JANE, [*MAX, None, "Kunde", "Betrag"], [None, None, None, "Meier", 8]],
    "spacer_column": [["First Name", "Last Name", None, "Email"], ["Ann", "Lee", None, "ann@x.org"]],
    "offset": [[], [], [None, None, *HEADER], [None, None, *ANN], [None, None, *BOB]],
    "stacked": [["Person", None, "Contact"], HEADER, ANN, BOB],
    "stacked_three": [["Staff", None, None, "Work"], ["Person", None, "Contact", "Time"], HEADER, ANN],
    "stacked_words": [["First", "Last", "E-mail"], ["Name", "Name", "Address"], ["Ann", "Lee", "ann@x.org"]],
    "unknown_labels": [["Kunde", "Betrag"], ["Meier", 12.5], ["Huber", 8]],
    "no_header_at_all": [["a", "b"], ["c", "d"], ["e", "f"]],
    "numbers_only": [[1, 2, 3], [4, 5, 6]],
    "one_cell": [["alone"]],
    "one_column": [["Email"], ["ann@x.org"], ["bob@x.org"]],
    "blank_headers": [["Email", None, "Hours"], ["ann@x.org", 1, 2]],
    "repeated_headers": [["Email", "Hours", "Hours", "hours"], ["ann@x.org", 1, 2, 3]],
    "placeholder_headers": [["Email", "n/a", "Unnamed: 3"], ["ann@x.org", 1, 2]],
    "numeric_headers": [["Email", 2023, 2024], ["ann@x.org", 1, 2]],
    "same_field_twice": [["Email", "E-Mail", "First Name"], ["ann@x.org", "ann@home.org", "Ann"]],
    "field_name_taken": [["Email", "email"], ["ann@x.org", "other"]],
    "duplicate_rows": [HEADER, ANN, ANN, BOB, ANN],
    "mixed_types": [["Email", "Mixed"], *[["a@b.c", v] for v in (1, "n/a", 2.5, True, DAY, dt.time(8, 30), None, "1")]],
    "numbers_as_text": [["Email", "Hours"], ["ann@x.org", "40"], ["bob@x.org", "038"]],
    "formula_like": [["First Name", "Email"], ["=1+1", "+1"], ["@SUM(A1)", "-x"]],
    "error_texts": [["Email", "Hours"], ["ann@x.org", "#N/A"], ["bob@x.org", "#DIV/0!"]],
    "long_text": [["Email", "Note"], ["ann@x.org", "x" * 5000]],
    "line_breaks": [["First\nName", "Email"], ["Ann\nMarie", "ann@x.org"]],
    "right_to_left": [["שם", "Email"], ["מזרח", "ann@x.org"]],
    "east_asian": [["名前", "Email"], ["東京 太郎", "ann@x.org"]],
    "emoji": [["Full Name", "Email"], ["👩‍👩‍👧 Lee", "ann@x.org"]],
    "wide": [["Email", *[f"c{n}" for n in range(60)]], ["ann@x.org", *range(60)]],
    "sparse": [HEADER, ["Ann"], [None, None, "bob@x.org"], [None, None, None, 3]],
    "empty_columns": [["Email", None, None, "Hours"], ["ann@x.org", None, None, 1], ["bob@x.org", None, None, 2]],
    "names_in_every_order": [["Name", "Hours"], ["Doe, Jane", 1], ["Jane Q. Doe", 2], ["Cher", 3], ["  A   B  ", 4]],
    "streets_and_cities": [STREETS, *PLACES],
    "streets_and_cities_after_a_gap": [STREETS, PLACES[0], [], *PLACES[1:]],
    "streets_and_cities_alone": [row[1:] for row in (STREETS, *PLACES)],
    "one_column_of_cities": [["City"], ["Mexico City"], ["Oslo"], ["New York City"]],
    "addresses": [
        ["Name", "Address", "Phone"],
        ["Ann Lee", "5 High Street", "555-0101"],
        ["Bob Ray", "12 State Street, New York City", "555-0102"],
        ["Cyd Day", "7 Oak Lane", "555-0103"],
        ["Di Fox", "40 Lake Street, Salt Lake City", "555-0104"],
    ],
    "addresses_after_a_gap": [
        ["Name", "Address"], ["Ann Lee", "5 High Street"], [], ["Bob Ray", "Oak Lane"], ["Cyd Day", "7 Oak Lane"],
    ],
    "states_of_work": [
        ["Name", "Rate", "Status"],
        ["Ann Lee", "Full", "Active"],
        ["Bob Ray", "Pension start", "End date"],
        ["Cyd Day", "Half", "Active"],
    ],
    "words_after_a_hole": [["Name", "Hours"], ["Ann Lee", 5], ["Bob Ray"], ["Cyd Day", "free"], ["Di Fox", 7]],
    "printed_pages": [PEOPLE, *people("Ann", "Bob"), PEOPLE, *people("Cyd", "Dan"), PEOPLE, *people("Eve")],
    "printed_pages_with_groups": [GROUPS, PEOPLE, *people("Ann", "Bob"), GROUPS, PEOPLE, *people("Cyd")],
    "printed_pages_after_a_gap": [PEOPLE, *people("Ann"), [], *people("Bob"), PEOPLE, *people("Cyd")],
    "groups_after_a_gap": [GROUPS, PEOPLE, *people("Ann"), [], ["Human", None, "Reach"], PHONES, ["Bob", "Ray", "-"]],
    "fewer_columns_without_gap": [HEADER, ANN, PHONES, ["Bob", "Ray", "none"]],
    "labels_and_values": [["Name", "Ann Lee"], ["Email", "ann@x.org"], ["Hours", 5]],
    "labels_and_values_with_colons": [["Name:", "Ann Lee"], ["Email:", "ann@x.org"], ["Hours:", 5]],
    "label_value_above": [["Company", "Acme Ltd"], PEOPLE, *people("Ann")],
    "answers_like_headers": [["Question", "Yes", "No"], ["Why", "No", "No"], ["Who", "Yes", "-"], ["How", "-", "Yes"]],
    "words_like_headers": [["Name", "City", "Status"], ["State Street", "First", "start"], ["Job", "Name", "end"]],
}  # fmt: skip

TEXTS: dict[str, bytes] = {
    "csv_comma": b"First Name,Email\nAnn,ann@x.org\n",
    "csv_semicolon": b"First Name;Email;Amount\nAnn;ann@x.org;1,50\nBob;bob@x.org;2,25\n",
    "csv_tab": b"First Name\tEmail\nAnn\tann@x.org\n",
    "csv_bar": b"First Name|Email\nAnn|ann@x.org\n",
    "csv_utf16": "First Name,Email\nÄnn,ann@x.org\n".encode("utf-16"),
    "csv_cp1252": "First Name,Email\nÄnn,ann@x.org\n".encode("cp1252"),
    "csv_quotes": b'First Name,Email\n"Lee, Ann","a""b@x.org"\n"two\nlines",c@x.org\n',
    "csv_open_quote": b'First Name,Email\nAnn,ann@x.org\nBob,"open\n',
    "csv_ragged": b"First Name,Email\nAnn,ann@x.org,extra\nBob\nCyd,cyd@x.org\n",
    "csv_blank_lines": b"\n\nFirst Name,Email\n\nAnn,ann@x.org\n\n\n",
    "csv_title": b"Quarterly report,\nFirst Name,Email\nAnn,ann@x.org\n",
    "csv_control_characters": b"First Name,Email\nA\x01n\x1fn,ann@x.org\n",
    "csv_old_mac": b"First Name,Email\rAnn,ann@x.org\rBob,bob@x.org\r",
}
