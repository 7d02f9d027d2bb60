"""What marks a chapter's exercises: `from transformer_lib.exercises.chapter_01 import check`."""
