"""The tokenizer: nothing is lost, and a string is cut the same whatever stands around it."""

import unittest
from random import Random

from pipeline.chat import CONTROL
from pipeline.data import strings
from pipeline.vocabulary import MARKS, Vocabulary, agreeable

ODD = [
    "",
    "é",
    "日本語 😀",
    "\x00\t\r\n",
    "it's 'test'",
    "a\n\n\nb  ",
    "<|im_star",
    '"": "',
    "1234567 ½",
    "<tool_call",
]


class Tokens(unittest.TestCase):
    def setUp(self):
        self.vocabulary = Vocabulary.read()
        self.random = Random("vocabulary")

    def test_what_is_encoded_decodes_to_itself(self):
        texts = ODD + [strings.sentence(self.random) + strings.scramble(self.random) for _ in range(500)]
        for text in texts:
            self.assertEqual(self.vocabulary.decode(self.vocabulary.encode(text)), text)

    def test_a_string_is_cut_the_same_wherever_it_stands(self):
        around = [
            ("", ""),
            (" ", " "),
            ('"', '"'),
            ("\n", "."),
            ("'", "'"),
            ("1", "2"),
            ("/", "/"),
            ('": "', '"}}'),
        ]
        makers = [strings.word, strings.file, strings.path, strings.value, strings.name]
        for _ in range(500):
            text = self.random.choice(makers)(self.random)
            alone = self.vocabulary.encode(text)
            for before, after in around:
                cut = self.vocabulary.encode(f"{before}{text}{after}")
                expected = [*self.vocabulary.encode(before), *alone, *self.vocabulary.encode(after)]
                self.assertEqual(cut, expected, f"{before}{text}{after}")

    def test_digits_are_single(self):
        self.assertEqual(len(self.vocabulary.encode("9876543210")), 10)

    def test_marks_of_the_chat_are_one_token(self):
        for mark in (*CONTROL, *MARKS):
            self.assertEqual(self.vocabulary.encode(mark), [self.vocabulary.id(mark)])

    def test_longer_words_go_first(self):
        vocabulary = Vocabulary(["port", "report"])
        self.assertEqual(
            vocabulary.encode("reports"), [vocabulary.id("report"), vocabulary.first_byte + ord("s")]
        )
        self.assertEqual(vocabulary.encode("airport")[-1], vocabulary.id("port"))

    def test_no_token_is_there_twice(self):
        spelled = self.vocabulary.spelled
        self.assertEqual(len(spelled), self.vocabulary.size)
        whole = spelled[: len(CONTROL)] + spelled[len(CONTROL) + 256 :]
        self.assertEqual(len(set(whole)), len(whole))

    def test_words_of_one_length_do_not_fight_for_letters(self):
        # `hem` begins as `the` ends; `ant` ends as it begins.
        self.assertEqual(agreeable(["the", "hem", "ant", "for"], 9), ["for", "the"])
        self.assertEqual(agreeable(self.vocabulary.words, 10_000), sorted(self.vocabulary.words))

    def test_only_letters_make_a_word(self):
        for wrong in ("a1b", "two words", "ab", "naïve"):
            with self.assertRaises(ValueError):
                Vocabulary([wrong])


if __name__ == "__main__":
    unittest.main()
