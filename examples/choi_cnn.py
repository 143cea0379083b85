"""Choi's CNN tagger: five convolutions over 96 mel bands x 1366 frames (29 s), down to one position.

K. Choi, G. Fazekas, M. Sandler: "Automatic tagging using deep convolutional neural networks", ISMIR 2016.
"""

import keras
from corpus import arguments, features_of, report, sides
from keras import layers

from melgrid.loaders import KerasLoader, predict_clips
from melgrid.params import recipe

args = arguments(__doc__).parse_args()
keras.utils.set_random_seed(args.seed)
(feature,) = recipe("choi2016_tagger_power").grid
train, valid, test = sides(features_of(args, feature), args.seed)
options = dict(batch_size=args.batch_size, crop_frames=1366, axes="FTC", labels="one-hot")
batches = KerasLoader(train, **options, seed=args.seed)

x = inputs = keras.Input((96, 1366, 1))
x = layers.BatchNormalization(axis=1)(x)  # of every band
for filters, pool in ((32, (2, 4)), (128, (2, 4)), (128, (2, 4)), (192, (3, 5)), (256, (4, 4))):
    x = layers.Conv2D(filters, 3, padding="same")(x)
    x = layers.BatchNormalization()(x)
    x = layers.MaxPooling2D(pool)(layers.ELU()(x))
x = layers.Dense(len(train.classes), activation="sigmoid")(layers.Flatten()(x))

model = keras.Model(inputs, x)
model.compile("adam", "binary_crossentropy")
model.fit(
    batches,
    validation_data=KerasLoader(valid, **options, shuffle=False),
    epochs=args.epochs,
    steps_per_epoch=args.steps,
    shuffle=False,
    callbacks=batches.callbacks,
    verbose=2,
)
report("choi_cnn", test, predict_clips(model, KerasLoader(test, **options)))
