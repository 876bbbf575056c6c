"""The file of the model: small, and the one that was judged."""

import hashlib
import unittest
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent
MOST_BYTES = 4 << 20


class File(unittest.TestCase):
    def test_the_file_is_the_one_of_the_checksum(self):
        model = (FOLDER / "nano.gguf").read_bytes()
        digest, name = (FOLDER / "nano.gguf.sha256").read_text().split()
        self.assertEqual((hashlib.sha256(model).hexdigest(), "nano.gguf"), (digest, name))
        self.assertLessEqual(len(model), MOST_BYTES)

    def test_the_card_says_how_good_it_is(self):
        card = (FOLDER / "README.md").read_text()
        figures = card.split("<!-- figures -->")[1].split("<!-- /figures -->")[0]
        self.assertIn("| message of the model | right |", figures)


if __name__ == "__main__":
    unittest.main()
