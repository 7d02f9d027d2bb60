// --- a pad to draw on, and how a drawing becomes a small picture --------------------------------

// Put a drawing where the training digits stand: its box is 20 of 28 pixels long, and its centre of
// mass lies in the pixel right and below of the middle, on average in the middle of that. `ink`
// holds size² numbers from 0 to 1, the result side².
export function centre(ink, size, side) {
  let left = size, right = 0, top = size, bottom = 0, mass = 0, massX = 0, massY = 0;
  ink.forEach((value, i) => {
    const x = i % size, y = Math.floor(i / size);
    mass += value;
    massX += value * (x + 0.5);
    massY += value * (y + 0.5);
    if (value < 0.1) return;
    [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
  });
  if (!mass) return new Float32Array(side * side);
  const longer = Math.max(right - left, bottom - top, size / 8); // a dot stays a dot
  const scale = longer / ((side * 20) / 28), half = scale / 2;
  return shrink(ink, size, side, scale, massX / mass - half, massY / mass - half);
}

// Each of side² pixels is the mean of a square of `scale` points; (x, y) gets into the middle.
export function shrink(ink, size, side, scale = size / side, x = size / 2, y = size / 2) {
  const fine = 8; // points along a pixel
  const at = (middle, i, k) => Math.floor(middle + (i - side / 2 + (k + 0.5) / fine) * scale);
  const picture = new Float32Array(side * side);
  for (let i = 0; i < picture.length; i++) {
    for (let k = 0; k < fine * fine; k++) {
      const px = at(x, i % side, k % fine), py = at(y, Math.floor(i / side), Math.floor(k / fine));
      if (px >= 0 && py >= 0 && px < size && py < size) picture[i] += ink[py * size + px];
    }
    picture[i] /= fine * fine;
  }
  return picture;
}

const SIZE = 280; // points along the pad

// Pointer events serve mouse, finger and pen alike. `pen` is the width of its line.
function drawingPad(label, pen, changed) {
  const pad = make("canvas", { width: SIZE, height: SIZE, role: "img" });
  pad.setAttribute("aria-label", label);
  const ink = pad.getContext("2d", { willReadFrequently: true });
  Object.assign(ink, { lineWidth: pen, lineCap: "round", lineJoin: "round" });
  let last = null;
  const point = (event) => {
    const box = pad.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top].map((p) => (p * SIZE) / box.width);
  };
  const line = (event) => {
    const to = point(event);
    ink.beginPath();
    ink.moveTo(...last);
    ink.lineTo(...to); // of no length at first: round caps make it a dot
    ink.stroke();
    last = to;
    changed();
  };
  pad.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button) return;
    event.preventDefault();
    pad.setPointerCapture(event.pointerId);
    last = point(event);
    line(event);
  });
  pad.addEventListener("pointermove", (event) => {
    if (last && event.isPrimary) (event.getCoalescedEvents?.() ?? [event]).forEach(line);
  });
  for (const end of ["pointerup", "pointercancel"])
    pad.addEventListener(end, (event) => event.isPrimary && ((last = null), changed()));
  return {
    pad,
    clear: () => ink.clearRect(0, 0, SIZE, SIZE),
    put: (canvas) => (ink.clearRect(0, 0, SIZE, SIZE), ink.drawImage(canvas, 0, 0, SIZE, SIZE)),
    drawn: () => {
      const { data } = ink.getImageData(0, 0, SIZE, SIZE);
      return Float32Array.from({ length: SIZE * SIZE }, (_, i) => data[4 * i + 3] / 255);
    },
  };
}
