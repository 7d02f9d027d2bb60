// --- a segmenter: every patch says the classes of its pixels ------------------------------------

// How likely each class is at each pixel: [pixel, row by row][class].
export function segment(weights, config, image) {
  const { image_size: side, patch_size: size } = config, grid = side / size;
  const { features } = vitForward(weights.backbone, config, image);
  const patches = features.slice(-grid * grid); // without a class token of the picture
  return unpatchify(patches.map((x) => linear(weights.head, x)), side, size).map(softmax);
}

// Put what the patches say where their pixels are: a vector for each pixel of the picture.
function unpatchify(patches, side, size) {
  const grid = side / size, area = size * size;
  return Array.from({ length: side * side }, (_, i) => {
    const x = i % side, y = Math.floor(i / side);
    const patch = patches[Math.floor(y / size) * grid + Math.floor(x / size)];
    const pixel = (y % size) * size + (x % size);
    return Float32Array.from({ length: patch.length / area }, (_, k) => patch[k * area + pixel]);
  });
}
