"""Names to search for counterexamples, for Hypothesis."""

from hypothesis import strategies as st

from tools.key_fuzz import GAPS, VOCABULARY

NAMES = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=9).flatmap(
    lambda words: st.sampled_from(GAPS).map(lambda gap: gap.join(words))
)
ANYTHING = st.one_of(NAMES, st.text(max_size=60), st.text("aes.l &yd1'_", max_size=130))
