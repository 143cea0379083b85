"""Choi's compact CNN: five layers of 32 filters over 96 mel bands x 1360 frames, averaged over what is left of time.

K. Choi, G. Fazekas, M. Sandler, K. Cho: "Transfer learning for music classification and regression tasks", ISMIR 2017.
``--save`` keeps the network; transfer_features.py goes on from there.
"""

import keras
from corpus import arguments, features_of, report, sides
from keras import layers

from melgrid.loaders import KerasLoader, normalization, predict_clips
from melgrid.params import recipe

parser = arguments(__doc__)
parser.add_argument("--save", metavar="MODEL.keras", help="where to keep the trained network")
args = parser.parse_args()
keras.utils.set_random_seed(args.seed)
(feature,) = recipe("choi2017_compact").grid
train, valid, test = sides(features_of(args, feature), args.seed)
options = dict(batch_size=args.batch_size, crop_frames=1360, axes="FTC", labels="one-hot")
batches = KerasLoader(train, **options, seed=args.seed)

x = inputs = keras.Input((96, 1360, 1))
x = normalization(train.statistics(), axes="FTC")(x)  # of the training clips only
for number, pool in enumerate([(2, 4), (3, 4), (2, 5), (2, 4), (4, 4)], start=1):
    x = layers.Conv2D(32, 3, padding="same", kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization()(x)
    x = layers.MaxPooling2D(pool, name=f"block{number}")(layers.ELU()(x))
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dense(len(train.classes), activation="sigmoid")(x)

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
report("compact_cnn", test, predict_clips(model, KerasLoader(test, **options)))
if args.save:
    model.save(args.save)
