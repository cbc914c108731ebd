// Shows what deploy/demo.py gives for an image, and names the class under the pointer. All of it is in the page.
const find = name => element.querySelector(`.${name}`);
const mask = find("mask"), pointer = find("pointer");
let shown = null, indices = null;  // the result, and the class of each pixel, row by row

watch("value", async () => {
  const result = props.value;
  find("hint").hidden = Boolean(result);
  find("message").hidden = !result?.message;
  find("message").textContent = result?.message ?? "";
  find("result").hidden = !result?.classes;
  pointer.hidden = true;
  shown = result;
  if (result?.message) reveal(find("message"));
  if (!result?.classes) return;
  const [image, classes] = await Promise.all([decoded(result.image), decoded(result.indices)]);
  if (shown !== result) return;  // another came in the meantime
  find("image").src = image.src;
  find("image").alt = find("name").textContent = result.name;
  paint(classes, result.classes);
  list(result.classes);
  find("save-mask").href = result.mask;
  find("save-mask").download = `${result.name}.png`;
  element.dataset.shown = result.name;
  reveal(find("stage"));
});

// On a phone the result is below what was touched.
function reveal(part) {
  if (part.getBoundingClientRect().top > 0.7 * innerHeight) part.scrollIntoView({behavior: "smooth"});
}

async function decoded(source) {
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
}

function paint(gray, classes) {
  [mask.width, mask.height] = [gray.naturalWidth, gray.naturalHeight];
  const context = mask.getContext("2d", {willReadFrequently: true});
  context.drawImage(gray, 0, 0);
  const pixels = context.getImageData(0, 0, mask.width, mask.height);
  indices = new Uint8Array(mask.width * mask.height);
  for (let i = 0; i < indices.length; i++) {
    indices[i] = pixels.data[4 * i];
    pixels.data.set(classes[indices[i]].color, 4 * i);
  }
  context.putImageData(pixels, 0, 0);
}

function list(classes) {
  const present = classes.filter(each => each.frequency > 0).sort((a, b) => b.frequency - a.frequency);
  find("legend").replaceChildren(...present.map(each => {
    const line = document.createElement("li");
    line.append(...["i", "span", "b"].map(tag => document.createElement(tag)));
    line.dataset.name = each.name;
    line.children[0].style.background = `rgb(${each.color.join(" ")})`;
    line.children[1].textContent = each.name;
    line.children[2].textContent = each.frequency < 0.0005 ? "< 0.1 %" : `${(100 * each.frequency).toFixed(1)} %`;
    return line;
  }));
  const absent = classes.filter(each => each.frequency === 0).map(each => each.name);
  find("absent").textContent = absent.length ? `Not in this image: ${absent.join(", ")}.` : "";
}

function point(event) {
  if (!indices) return;
  const box = mask.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
  const [column, row] = [Math.floor(x / box.width * mask.width), Math.floor(y / box.height * mask.height)];
  const isInside = column >= 0 && row >= 0 && column < mask.width && row < mask.height;
  const name = isInside ? shown.classes[indices[row * mask.width + column]].name : "";
  pointer.hidden = !isInside;
  pointer.textContent = name;
  pointer.style.left = `${Math.max(0, Math.min(x + 12, box.width - pointer.offsetWidth))}px`;
  pointer.style.top = `${Math.max(0, y < 40 ? y + 24 : y - 32)}px`;
  for (const line of find("legend").children) line.classList.toggle("pointed", line.dataset.name === name);
}

find("stage").addEventListener("pointermove", point);
find("stage").addEventListener("pointerdown", point);  // a finger that doesn't move
find("stage").addEventListener("pointerleave", () => { pointer.hidden = true; });
find("opacity").addEventListener("input", event => { mask.style.opacity = event.target.value / 100; });
find("save-overlay").addEventListener("click", () => {
  const overlay = document.createElement("canvas"), context = overlay.getContext("2d");
  [overlay.width, overlay.height] = [mask.width, mask.height];
  context.drawImage(find("image"), 0, 0);
  context.globalAlpha = find("opacity").value / 100;
  context.drawImage(mask, 0, 0);
  overlay.toBlob(blob => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${shown.name}_overlay.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
});
