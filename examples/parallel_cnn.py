"""Lidy and Schindler's parallel CNN: one branch for shapes in frequency, one for shapes in time, over 80 CQT bins.

T. Lidy, A. Schindler: "CQT-based convolutional neural networks for audio scene classification and domestic audio
tagging", DCASE 2016. Filter and pooling sizes are theirs in kind: wide against tall.
"""

import keras
from corpus import arguments, features_of, report, sides
from keras import layers

from melgrid import Cqt
from melgrid.loaders import KerasLoader, normalization, predict_clips

args = arguments(__doc__, epochs=15).parse_args()
keras.utils.set_random_seed(args.seed)
feature = Cqt(sr=22050, hop_length=256, n_bins=80, output="log", ref="max")
train, valid, test = sides(features_of(args, feature), args.seed)
options = dict(batch_size=args.batch_size, crop_frames=82, axes="FTC", labels="one-hot")
batches = KerasLoader(train, **options, crops_per_clip=2, seed=args.seed)


def branch(x, filters, pool):
    """One layer of filters, and the strongest of each region."""
    x = layers.Conv2D(16, filters, padding="same")(x)
    return layers.Flatten()(layers.MaxPooling2D(pool)(layers.LeakyReLU(0.3)(x)))


inputs = keras.Input((80, 82, 1))
x = normalization(train.statistics(), axes="FTC")(inputs)  # of the training clips only
frequency, time = branch(x, (10, 23), (5, 20)), branch(x, (21, 20), (20, 5))
x = layers.Dropout(0.25)(layers.Concatenate()([frequency, time]))
x = layers.Dropout(0.25)(layers.LeakyReLU(0.3)(layers.Dense(200)(x)))
x = layers.Dense(len(train.classes), activation="softmax")(x)

model = keras.Model(inputs, x)
model.compile("adam", "categorical_crossentropy")
model.fit(
    batches,
    validation_data=KerasLoader(valid, **options, shuffle=False),
    epochs=args.epochs,
    steps_per_epoch=args.steps,
    shuffle=False,
    callbacks=batches.callbacks,
    verbose=2,
)
report("parallel_cnn", test, predict_clips(model, KerasLoader(test, **options)))
