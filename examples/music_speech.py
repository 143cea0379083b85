"""Lidy and Schindler's music/speech CNN: one layer of 15 filters of 12x8 over 40 mel bands x 80 frames.

T. Lidy, A. Schindler: music/speech classification and detection, MIREX 2015, and the ML Prague 2018 tutorial. Made for
the two classes of GTZAN music/speech (``--dataset gtzan_music_speech``); it takes as many as a corpus has.
"""

import keras
from corpus import arguments, features_of, report, sides
from keras import layers

from melgrid import LogMel
from melgrid.loaders import KerasLoader, normalization, predict_clips

parser = arguments(__doc__, epochs=15)
# Classes that were recorded otherwise give themselves away by their band and their floor: cut both alike.
parser.add_argument("--sr", type=int, default=22050, help="Hz")
parser.add_argument("--fmin", type=float, default=0.0, help="Hz")
parser.add_argument("--fmax", type=float, help="Hz; default: half of --sr")
parser.add_argument("--top-db", type=float, default=80.0, help="dB under a clip's maximum that are kept")
args = parser.parse_args()
keras.utils.set_random_seed(args.seed)
band = dict(sr=args.sr, fmin=args.fmin, fmax=args.fmax or args.sr / 2, top_db=args.top_db)
feature = LogMel(n_fft=512, hop_length=256, n_mels=40, **band)
train, valid, test = sides(features_of(args, feature), args.seed)
options = dict(batch_size=args.batch_size, crop_frames=80, axes="FTC", labels="one-hot")
batches = KerasLoader(train, **options, crops_per_clip=2, seed=args.seed)

model = keras.Sequential(
    [
        keras.Input((40, 80, 1)),
        normalization(train.statistics(), axes="FTC"),  # of the training clips only
        layers.Conv2D(15, (12, 8), activation="relu"),
        layers.MaxPooling2D((2, 1)),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(200, activation="relu"),
        layers.Dropout(0.25),
        layers.Dense(len(train.classes), activation="softmax"),
    ]
)
model.compile(keras.optimizers.Adam(1e-3), "categorical_crossentropy")
model.fit(
    batches,
    validation_data=KerasLoader(valid, **options, shuffle=False),
    epochs=args.epochs,
    steps_per_epoch=args.steps,
    shuffle=False,
    callbacks=batches.callbacks,
    verbose=2,
)
report("music_speech", test, predict_clips(model, KerasLoader(test, **options)))
