"""scikit-learn's peer of saring: TF-IDF of characters and words, and logistic regression.

Usage: sklearn-peer.py train EXAMPLES.ndjson MODEL
       sklearn-peer.py predict MODEL TEXTS.ndjson PROBABILITIES

EXAMPLES has text and label ("offer" or "other"), TEXTS has text. PROBABILITIES gets one number a line.
MODEL is a pickle, so only ever open one that this script wrote.
"""

import json
import pickle
import sys
import time

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

CHARACTER_RUNS = (2, 5)
WORD_RUNS = (1, 2)
INVERSE_REGULARISATION = 5
# Bounds the memory of the sparse matrices, whatever the length of the file.
TEXTS_AT_ONCE = 4096


def read_rows(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def train(examples_path, model_path):
    rows = read_rows(examples_path)
    model = make_pipeline(
        make_union(
            TfidfVectorizer(analyzer="char_wb", ngram_range=CHARACTER_RUNS, sublinear_tf=True),
            TfidfVectorizer(analyzer="word", ngram_range=WORD_RUNS),
        ),
        LogisticRegression(solver="liblinear", C=INVERSE_REGULARISATION),
    )
    model.fit([row["text"] for row in rows], [row["label"] == "offer" for row in rows])
    with open(model_path, "wb") as file:
        pickle.dump(model, file)


def predict(model_path, texts_path, probabilities_path):
    with open(model_path, "rb") as file:
        model = pickle.load(file)
    texts = [row["text"] for row in read_rows(texts_path)]
    began = time.perf_counter()
    with open(probabilities_path, "w", encoding="utf-8") as output:
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            for _, offer in model.predict_proba(texts[start : start + TEXTS_AT_ONCE]):
                output.write(f"{offer}\n")
    print(f"{len(texts)} texts predicted in {time.perf_counter() - began:.3f} s")


MODES = {"train": (train, 2), "predict": (predict, 3)}

if __name__ == "__main__":
    mode, *paths = sys.argv[1:] or [""]
    if mode not in MODES or len(paths) != MODES[mode][1]:
        sys.exit(__doc__)
    MODES[mode][0](*paths)
