// The settings that Darkroom writes into its pictures: two texts of a PNG, or the comment in the EXIF of a WebP or JPEG.
const settingsOfPicture = (() => {
  "use strict";
  const latin = new TextDecoder("latin1"), utf8 = new TextDecoder(), utf16 = new TextDecoder("utf-16be");
  const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const startsWith = (bytes, text) => latin.decode(bytes.subarray(0, text.length)) === text;

  // PNG: chunks of length, kind, data, checksum. A text is keyword, NUL, text; an international one has four more fields in between.
  function textsOfPNG(bytes) {
    const texts = {};
    for (let at = 8; at + 12 <= bytes.length;) {
      const length = viewOf(bytes).getUint32(at), kind = latin.decode(bytes.subarray(at + 4, at + 8)), data = bytes.subarray(at + 8, at + 8 + length);
      const keyword = latin.decode(data.subarray(0, data.indexOf(0)));
      if (kind === "tEXt") texts[keyword] = latin.decode(data.subarray(keyword.length + 1));
      if (kind === "iTXt" && data[keyword.length + 1] === 0) {
        const language = data.indexOf(0, keyword.length + 3);
        texts[keyword] = utf8.decode(data.subarray(data.indexOf(0, language + 1) + 1));
      }
      at += 12 + length;
    }
    return texts;
  }

  function exifOfWebP(bytes) {
    for (let at = 12; at + 8 <= bytes.length;) {
      const length = viewOf(bytes).getUint32(at + 4, true);
      if (startsWith(bytes.subarray(at), "EXIF")) return bytes.subarray(at + 8, at + 8 + length);
      at += 8 + length + length % 2;
    }
  }

  function exifOfJPEG(bytes) {
    for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff;) {
      const length = viewOf(bytes).getUint16(at + 2);
      if (bytes[at + 1] === 0xe1 && startsWith(bytes.subarray(at + 4), "Exif")) return bytes.subarray(at + 4, at + 2 + length);
      at += 2 + length;
    }
  }

  // EXIF is a TIFF: directories of entries of 12 bytes. The comment (0x9286) lies in the directory that 0x8769 names.
  function commentOfEXIF(exif) {
    const tiff = startsWith(exif, "Exif") ? exif.subarray(6) : exif;
    const view = viewOf(tiff), little = startsWith(tiff, "II");
    const entry = (directory, wanted) => {
      for (let i = 0; i < view.getUint16(directory, little); i++) {
        const at = directory + 2 + 12 * i;
        if (view.getUint16(at, little) === wanted) return { count: view.getUint32(at + 4, little), value: view.getUint32(at + 8, little) };
      }
    };
    const inner = entry(view.getUint32(4, little), 0x8769);
    const comment = inner && entry(inner.value, 0x9286);
    if (!comment) return "";
    const bytes = tiff.subarray(comment.value, comment.value + comment.count);
    return startsWith(bytes, "UNICODE\0") ? utf16.decode(bytes.subarray(8)) : "";
  }

  // The text that other tools read too: the prompt, "Negative prompt: …", and one line of settings.
  function settingsOfText(text) {
    const end = text.lastIndexOf("\nSteps: ");
    if (end < 0) return null;
    const line = Object.fromEntries(text.slice(end + 1).split(", ").map((pair) => pair.split(": ")));
    if (line.Version !== "Darkroom") return null;
    const [words, keepOut = ""] = text.slice(0, end).split("\nNegative prompt: ");
    return { words, keep_out: keepOut, steps: line.Steps, scheduler: line.Sampler, guidance: line["CFG scale"], seed: line.Seed, shape: line.Size, model: line.Model };
  }

  function settingsOfJSON(text) {
    const all = JSON.parse(text);
    return {
      words: all.prompt, keep_out: all.negative_prompt, steps: all.steps, scheduler: all.scheduler, guidance: all.guidance_scale,
      seed: all.seed, shape: `${all.width}x${all.height}`, model: all.model, job: all.job,
    };
  }

  // Answers the bench's fields, or null for a picture without settings of ours.
  return async (file) => {
    const bytes = new Uint8Array(await file.arrayBuffer());
    try {
      if (startsWith(bytes.subarray(1), "PNG")) {
        const texts = textsOfPNG(bytes);
        return texts.darkroom ? settingsOfJSON(texts.darkroom) : settingsOfText(texts.parameters ?? "");
      }
      const exif = startsWith(bytes, "RIFF") ? exifOfWebP(bytes) : exifOfJPEG(bytes);
      return exif ? settingsOfText(commentOfEXIF(exif)) : null;
    } catch {
      return null; // a damaged file says as little as a foreign one
    }
  };
})();
