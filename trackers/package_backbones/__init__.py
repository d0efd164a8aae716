"""Networks of torchvision and timm, cut into parts that stand as blocks of a backbone."""
