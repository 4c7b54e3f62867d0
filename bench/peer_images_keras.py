"""tf.data as the peer of bench_images: the same arguments, lines and answers."""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import tensorflow as tf


def make_dataset(directory, size, workers):
    def read(path):
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        return tf.image.random_flip_left_right(tf.image.resize(image, size))

    names = sorted(tf.io.gfile.glob(os.path.join(directory, "*", "*.jpg")))
    dataset = tf.data.Dataset.from_tensor_slices(names).shuffle(len(names))
    dataset = dataset.map(read, num_parallel_calls=workers).batch(64).prefetch(2)
    options = tf.data.Options()
    options.threading.private_threadpool_size = workers
    options.deterministic = True
    return dataset.with_options(options)


def main():
    directory, height, width, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(workers)
    dataset = make_dataset(directory, (height, width), workers)
    print("ready 0 tensorflow", tf.__version__, flush=True)
    for _ in sys.stdin:
        begin, working = time.perf_counter(), time.process_time()
        count = sum(int(batch.shape[0]) for batch in dataset)
        print("pass %.6f %.6f %d" % (time.perf_counter() - begin, time.process_time() - working, count), flush=True)


main()
