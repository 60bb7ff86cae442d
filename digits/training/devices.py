"""Chooses the devices that a training runs on: one, several GPUs, or parts of a processor."""

from digits.keras_quietly import tf


def make_strategy(num_devices: int) -> tf.distribute.Strategy:
    """Choose the devices that share each batch of a training.

    To be called after `trainer.use_threads` and before any other use of TensorFlow.

    Without a GPU, the processor is split into as many logical devices. They share its cores, so
    this brings no speed: it is there to try and to test what several GPUs would compute.

    Args:
        num_devices: 1 for TensorFlow's own choice of a device.

    Returns:
        A strategy. `trainer.fit` trains on its devices if the network was built, and `fit` is
        called, in its `scope()`.

    Raises:
        ValueError: there are GPUs, but fewer than `num_devices`.
    """
    if num_devices == 1:
        return tf.distribute.get_strategy()
    num_gpus = len(tf.config.list_physical_devices("GPU"))
    if num_gpus:
        if num_gpus < num_devices:
            raise ValueError(
                f"received --devices {num_devices}, expected at most {num_gpus}, the number of "
                "GPUs that TensorFlow finds: give fewer"
            )
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(num_devices)])
    processor = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * num_devices
    tf.config.set_logical_device_configuration(processor, parts)
    return tf.distribute.MirroredStrategy(
        [f"CPU:{i}" for i in range(num_devices)],
        # What TensorFlow would choose with a warning.
        cross_device_ops=tf.distribute.ReductionToOneDevice(),
    )


def split_batch(batch_size: int) -> slice:
    """Choose the images of a batch that the current replica trains on.

    Called in a function that `strategy.run` traces for each of its replicas.

    Args:
        batch_size: images in the batch of all replicas, at least one for each.

    Returns:
        A slice; those of the replicas follow one another, and their lengths differ by one at most.
    """
    replica = tf.distribute.get_replica_context()
    number = tf.get_static_value(replica.replica_id_in_sync_group)
    count = replica.num_replicas_in_sync
    return slice(batch_size * number // count, batch_size * (number + 1) // count)
