"""A siamese network for similarity: one encoder sees two crops and learns whether they are of the same class.

Distances between clips that it never saw are compared with whether the two share a class; and every test clip takes the
class of the training clip that is nearest to it.
"""

import keras
import numpy as np
from corpus import arguments, features_of, print_line, sides
from keras import layers, ops
from sklearn.metrics import roc_auc_score

from melgrid import LogMel
from melgrid.loaders import KerasLoader, normalization, predict_clips

args = arguments(__doc__, epochs=20).parse_args()
keras.utils.set_random_seed(args.seed)
feature = LogMel(sr=22050, n_fft=1024, hop_length=512, n_mels=64)
train, valid, test = sides(features_of(args, feature), args.seed)
options = dict(batch_size=args.batch_size, crop_frames=64)
pairs = KerasLoader(train, **options, tuples="pairs", crops_per_clip=2, seed=args.seed)

encoder = keras.Sequential([keras.Input((64, 64, 1)), normalization(train.statistics())])  # of the training clips only
for width in (16, 32, 64):
    encoder.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
    encoder.add(layers.MaxPooling2D(2))
encoder.add(layers.GlobalAveragePooling2D())
encoder.add(layers.Dense(32))
encoder.add(layers.UnitNormalization())

x, other = keras.Input((64, 64, 1), name="x"), keras.Input((64, 64, 1), name="other")
apart = layers.Lambda(lambda two: ops.abs(two[0] - two[1]), output_shape=(32,))([encoder(x), encoder(other)])
model = keras.Model({"x": x, "other": other}, layers.Dense(1, activation="sigmoid")(apart))
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.fit(
    pairs,
    validation_data=KerasLoader(valid, **options, tuples="pairs", shuffle=False),
    epochs=args.epochs,
    steps_per_epoch=args.steps,
    shuffle=False,
    callbacks=pairs.callbacks,
    verbose=2,
)

known, asked = (predict_clips(encoder, KerasLoader(side, **options, labels=None)) for side in (train, test))
distances = np.linalg.norm(asked[:, None] - asked, axis=2)[np.triu_indices(len(asked), 1)]
same = (test.labels[:, None] == test.labels)[np.triu_indices(len(asked), 1)]
nearest = train.labels[np.linalg.norm(asked[:, None] - known, axis=2).argmin(axis=1)]
metrics = {
    "accuracy of the nearest": np.mean(nearest == test.labels),
    "ROC-AUC of pairs": roc_auc_score(same, -distances),
}
print_line("siamese", test, metrics)
