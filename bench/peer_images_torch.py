"""PyTorch's DataLoader as the peer of bench_images: the same arguments, then `pil` or `io`, which decodes; the same lines and
answers."""

import os
import pathlib
import sys
import time

import torch
import torchvision
from torchvision.transforms import InterpolationMode, v2


class Images(torch.utils.data.Dataset):
    def __init__(self, directory, size, decoder):
        self.paths = sorted(str(path) for path in pathlib.Path(directory).glob("*/*.jpg"))
        self.decoder = decoder
        resize = v2.Resize(size, interpolation=InterpolationMode.BILINEAR, antialias=False)
        to_float = v2.ToDtype(torch.float32, scale=False)
        flip = v2.RandomHorizontalFlip()
        if decoder == "pil":
            self.transform = v2.Compose([resize, flip, v2.PILToTensor(), to_float])
        else:
            self.transform = v2.Compose([resize, flip, to_float])

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        if self.decoder == "pil":
            from PIL import Image
            return self.transform(Image.open(self.paths[i]).convert("RGB"))
        data = torchvision.io.read_file(self.paths[i])
        return self.transform(torchvision.io.decode_jpeg(data, mode=torchvision.io.ImageReadMode.RGB))


def processor_seconds():
    """Of this process and of those it started."""
    ticks = 0
    for process in [os.getpid()] + [child.pid for child in torch.multiprocessing.active_children()]:
        fields = pathlib.Path("/proc/%d/stat" % process).read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main():
    directory, size, workers = sys.argv[1], (int(sys.argv[2]), int(sys.argv[3])), int(sys.argv[4])
    torch.set_num_threads(1)
    loader = torch.utils.data.DataLoader(Images(directory, size, sys.argv[5]), batch_size=64, shuffle=True,
                                         num_workers=workers, persistent_workers=True)
    print("ready 0 torch", torch.__version__, "torchvision", torchvision.__version__, flush=True)
    for _ in sys.stdin:
        begin, working = time.perf_counter(), processor_seconds()
        count = sum(int(batch.shape[0]) for batch in loader)
        print("pass %.6f %.6f %d" % (time.perf_counter() - begin, processor_seconds() - working, count), flush=True)


if __name__ == "__main__":
    main()
