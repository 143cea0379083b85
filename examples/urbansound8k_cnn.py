"""The UrbanSound8K CNN: three layers of 5x5 filters over random patches of 128 mel bands x 128 frames (3 s).

J. Salamon, J. P. Bello: "Deep convolutional neural networks and data augmentation for environmental sound
classification", IEEE Signal Processing Letters 24(3), 2017.
"""

import keras
from corpus import arguments, features_of, report, sides
from keras import layers

from melgrid import LogMel
from melgrid.loaders import KerasLoader, normalization, predict_clips

args = arguments(__doc__, epochs=20).parse_args()
keras.utils.set_random_seed(args.seed)
feature = LogMel(sr=44100, n_fft=2048, hop_length=1024, n_mels=128)
train, valid, test = sides(features_of(args, feature), args.seed)
options = dict(batch_size=args.batch_size, crop_frames=128, labels="one-hot")
batches = KerasLoader(train, **options, seed=args.seed)

model = keras.Sequential(
    [
        keras.Input((128, 128, 1)),
        normalization(train.statistics()),  # of the training clips only
        layers.Conv2D(24, 5, activation="relu"),
        layers.MaxPooling2D((2, 4)),
        layers.Conv2D(48, 5, activation="relu"),
        layers.MaxPooling2D((2, 4)),
        layers.Conv2D(48, (5, 4), activation="relu"),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(64, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3)),
        layers.Dropout(0.5),
        layers.Dense(len(train.classes), activation="softmax", kernel_regularizer=keras.regularizers.L2(1e-3)),
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
report("urbansound8k_cnn", test, predict_clips(model, KerasLoader(test, **options)))
