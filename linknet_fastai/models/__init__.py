"Models: images `[B,3,H,W]`, normalized, to logits `[B,C,H,W]`."
