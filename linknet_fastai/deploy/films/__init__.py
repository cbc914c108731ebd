"Films and cameras: frames in, frames out."
