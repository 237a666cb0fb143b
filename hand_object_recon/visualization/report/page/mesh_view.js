// Scenes that turn. All share one WebGL context, whose picture is copied to each scene's canvas,
// because browsers allow few contexts; without WebGL 2 faces are painted from far to near.

const GRID = 65535;
const FIELD_OF_VIEW = 0.5;
const SCALE_BAR_M = 0.05;
const RAMP = [[253, 231, 184], [250, 174, 108], [231, 100, 86], [164, 40, 108], [74, 16, 92]];
const UNKNOWN_ERROR = [150, 154, 162];

const VERTEX_PROGRAM = `#version 300 es
in vec3 place; in vec3 normal; in vec3 color;
uniform mat3 turn; uniform vec3 middle; uniform float distance; uniform vec2 lens;
out vec3 seenNormal; out vec3 seenPlace; out vec3 seenColor;
void main() {
  vec3 p = turn * (place - middle);
  seenNormal = turn * normal; seenColor = color;
  p.z += distance; seenPlace = p;
  float near = 0.02 * distance, far = 4.0 * distance;
  gl_Position = vec4(lens.x * p.x, -lens.y * p.y, ((far + near) * p.z - 2.0 * far * near) / (far - near), p.z);
}`;
const PIXEL_PROGRAM = `#version 300 es
precision highp float;
in vec3 seenNormal; in vec3 seenPlace; in vec3 seenColor;
out vec4 pixel;
void main() {
  vec3 n = normalize(seenNormal), eye = -normalize(seenPlace);
  float outside = gl_FrontFacing ? 1.0 : 0.0;
  n = outside > 0.5 ? n : -n;
  float key = max(dot(n, normalize(vec3(-0.45, -0.75, -0.6))), 0.0);
  float fill = 0.5 - 0.5 * n.y;
  float shine = pow(max(dot(reflect(-eye, n), normalize(vec3(-0.3, -0.6, -0.75))), 0.0), 24.0);
  float rim = pow(1.0 - max(dot(n, eye), 0.0), 3.0);
  vec3 lit = seenColor * (0.34 + 0.14 * fill + 0.42 * key + 0.22 * max(dot(n, eye), 0.0)) * (1.0 - 0.3 * rim) + 0.08 * shine;
  pixel = vec4(mix(seenColor * 0.38, lit, outside), 1.0);
}`;

// ---- from packed text to arrays

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}

function unpackMesh(packed, scene) {
  const grid = new Uint16Array(bytesOf(packed.vertices));
  const places = Float32Array.from(grid, (step, index) => {
    const axis = index % 3;
    return scene.low_m[axis] + (step / GRID) * (scene.high_m[axis] - scene.low_m[axis]);
  });
  const bytes = bytesOf(packed.faces);
  const faces = packed.face_bytes === 2 ? Uint32Array.from(new Uint16Array(bytes)) : new Uint32Array(bytes);
  const plain = packed.color.match(/\w\w/g).map((level) => parseInt(level, 16));
  const levels = packed.error ? new Uint8Array(bytesOf(packed.error)) : null;
  const count = places.length / 3;
  return {
    name: packed.name,
    group: packed.group,
    color: packed.color,
    isShown: true,
    places,
    faces,
    normals: normalsOf(places, faces),
    plainColors: colorsOf(count, () => plain),
    errorColors: levels && colorsOf(count, (vertex) => rampColor(levels[vertex])),
  };
}

function normalsOf(places, faces) {
  const normals = new Float32Array(places.length);
  for (let face = 0; face < faces.length; face += 3) {
    const [a, b, c] = [3 * faces[face], 3 * faces[face + 1], 3 * faces[face + 2]];
    const [ux, uy, uz] = [0, 1, 2].map((axis) => places[b + axis] - places[a + axis]);
    const [vx, vy, vz] = [0, 1, 2].map((axis) => places[c + axis] - places[a + axis]);
    const normal = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    for (const corner of [a, b, c]) {
      for (let axis = 0; axis < 3; axis += 1) normals[corner + axis] += normal[axis];
    }
  }
  for (let vertex = 0; vertex < normals.length; vertex += 3) {
    const length = Math.hypot(normals[vertex], normals[vertex + 1], normals[vertex + 2]) || 1;
    for (let axis = 0; axis < 3; axis += 1) normals[vertex + axis] /= length;
  }
  return normals;
}

function colorsOf(count, colorOf) {
  const colors = new Float32Array(3 * count);
  for (let vertex = 0; vertex < count; vertex += 1) {
    colors.set(colorOf(vertex).map((level) => level / 255), 3 * vertex);
  }
  return colors;
}

function rampColor(level) {
  if (level === 255) return UNKNOWN_ERROR;
  const place = (level / 254) * (RAMP.length - 1);
  const start = Math.min(Math.floor(place), RAMP.length - 2);
  return RAMP[start].map((from, axis) => from + (place - start) * (RAMP[start + 1][axis] - from));
}

// ---- drawing with WebGL

class GlPainter {
  static create() {
    const canvas = document.createElement("canvas");
    const gl = canvas.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
    return gl && new GlPainter(canvas, gl);
  }

  constructor(canvas, gl) {
    this.name = "webgl";
    this.canvas = canvas;
    this.gl = gl;
    this.buffers = new Map();
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX_PROGRAM], [gl.FRAGMENT_SHADER, PIXEL_PROGRAM]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    gl.useProgram(program);
    gl.enable(gl.DEPTH_TEST);
    gl.frontFace(gl.CCW);
    this.program = program;
  }

  // Draws panels side by side and copies them to the context of a scene's canvas.
  paint(context, panels, view) {
    const { gl, canvas } = this;
    const { width, height } = context.canvas;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    gl.disable(gl.SCISSOR_TEST);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const panelWidth = Math.floor(width / panels.length);
    panels.forEach((meshes, number) => {
      gl.viewport(number * panelWidth, 0, panelWidth, height);
      const lens = lensOf(panelWidth, height);
      gl.uniformMatrix3fv(this.place("turn"), true, view.turn);
      gl.uniform3fv(this.place("middle"), view.middle);
      gl.uniform1f(this.place("distance"), view.distance);
      gl.uniform2f(this.place("lens"), (2 * lens) / panelWidth, (2 * lens) / height);
      for (const mesh of meshes) this.paintMesh(mesh, view.showsError);
    });
    context.drawImage(canvas, 0, 0);
  }

  place(name) {
    return this.gl.getUniformLocation(this.program, name);
  }

  paintMesh(mesh, showsError) {
    const { gl } = this;
    if (!this.buffers.has(mesh)) this.buffers.set(mesh, this.upload(mesh));
    const buffers = this.buffers.get(mesh);
    this.attach("place", buffers.places);
    this.attach("normal", buffers.normals);
    this.attach("color", showsError && buffers.errorColors ? buffers.errorColors : buffers.plainColors);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffers.faces);
    gl.drawElements(gl.TRIANGLES, mesh.faces.length, gl.UNSIGNED_INT, 0);
  }

  upload(mesh) {
    const { gl } = this;
    const buffer = (target, data) => {
      const made = gl.createBuffer();
      gl.bindBuffer(target, made);
      gl.bufferData(target, data, gl.STATIC_DRAW);
      return made;
    };
    return {
      places: buffer(gl.ARRAY_BUFFER, mesh.places),
      normals: buffer(gl.ARRAY_BUFFER, mesh.normals),
      plainColors: buffer(gl.ARRAY_BUFFER, mesh.plainColors),
      errorColors: mesh.errorColors && buffer(gl.ARRAY_BUFFER, mesh.errorColors),
      faces: buffer(gl.ELEMENT_ARRAY_BUFFER, mesh.faces),
    };
  }

  attach(name, buffer) {
    const { gl } = this;
    const slot = gl.getAttribLocation(this.program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(slot);
    gl.vertexAttribPointer(slot, 3, gl.FLOAT, false, 0, 0);
  }
}

// ---- drawing without WebGL: faces from far to near

class FacePainter {
  name = "faces";

  paint(context, panels, view) {
    const { width, height } = context.canvas;
    const panelWidth = Math.floor(width / panels.length);
    panels.forEach((meshes, number) => {
      const faces = meshes.flatMap((mesh) => this.facesOf(mesh, view, lensOf(panelWidth, height)));
      faces.sort((first, second) => second.depth - first.depth);
      context.save();
      context.beginPath();
      context.rect(number * panelWidth, 0, panelWidth, height);
      context.clip();
      context.lineJoin = "round";
      context.translate((number + 0.5) * panelWidth, height / 2);
      for (const face of faces) this.fill(context, face);
      context.restore();
    });
  }

  facesOf(mesh, view, lens) {
    const seen = [];
    for (let index = 0; index < mesh.places.length; index += 3) {
      const [x, y, z] = turned(view.turn, [0, 1, 2].map((axis) => mesh.places[index + axis] - view.middle[axis]));
      const depth = Math.max(z + view.distance, 0.02 * view.distance);
      seen.push([(lens * x) / depth, (lens * y) / depth, depth]);
    }
    const colors = (view.showsError && mesh.errorColors) || mesh.plainColors;
    const faces = [];
    for (let face = 0; face < mesh.faces.length; face += 3) {
      const numbers = [0, 1, 2].map((corner) => mesh.faces[face + corner]);
      const [a, b, c] = numbers.map((number) => seen[number]);
      const isOutside = (b[0] - a[0]) * (c[1] - a[1]) < (b[1] - a[1]) * (c[0] - a[0]);
      const normal = turned(view.turn, [0, 1, 2].map((axis) =>
        numbers.reduce((sum, number) => sum + mesh.normals[3 * number + axis] / 3, 0)));
      const key = Math.max(-0.42 * normal[0] - 0.7 * normal[1] - 0.56 * normal[2], 0);
      const light = isOutside ? 0.34 + 0.07 * (1 - normal[1]) - 0.22 * normal[2] + 0.42 * key : 0.38;
      const color = [0, 1, 2].map((axis) => Math.round(255 * light * colors[3 * numbers[0] + axis]));
      faces.push({ corners: [a, b, c], depth: a[2] + b[2] + c[2], color: `rgb(${color})` });
    }
    return faces;
  }

  fill(context, { corners: [a, b, c], color }) {
    context.fillStyle = context.strokeStyle = color;
    context.beginPath();
    context.moveTo(a[0], a[1]);
    context.lineTo(b[0], b[1]);
    context.lineTo(c[0], c[1]);
    context.closePath();
    context.fill();
    context.stroke(); // closes the hairlines between neighbours
  }
}

// ---- the viewer's place

// Pixels that a tangent of one spans, so that the smaller side holds the field of view.
function lensOf(width, height) {
  return Math.min(width, height) / (2 * Math.tan(FIELD_OF_VIEW / 2));
}

function turned(turn, [x, y, z]) {
  return [0, 3, 6].map((row) => turn[row] * x + turn[row + 1] * y + turn[row + 2] * z);
}

function times(first, second) {
  const product = [];
  for (let row = 0; row < 9; row += 3) {
    for (let column = 0; column < 3; column += 1) {
      product.push([0, 1, 2].reduce((sum, k) => sum + first[row + k] * second[3 * k + column], 0));
    }
  }
  return product;
}

function aboutX(angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return [1, 0, 0, 0, c, -s, 0, s, c];
}

function aboutY(angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return [c, 0, s, 0, 1, 0, -s, 0, c];
}

// ---- a scene

class SceneView {
  constructor(figure, painter) {
    const packed = readJson(figure);
    this.figure = figure;
    this.painter = painter;
    this.canvas = figure.querySelector("canvas");
    this.context = this.canvas.getContext("2d");
    this.meshes = packed.meshes.map((mesh) => unpackMesh(mesh, packed));
    this.mostErrorMm = packed.most_error_mm;
    this.middle = [0, 1, 2].map((axis) => (packed.low_m[axis] + packed.high_m[axis]) / 2);
    this.radius = Math.max(...this.meshes.map((mesh) => this.reach(mesh)), 1e-6);
    this.groups = [...new Set(this.meshes.map((mesh) => mesh.group))];
    this.isSplit = false;
    this.showsError = false;
    this.reset();
    this.addControls();
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    figure.querySelector(".engine-note").hidden = painter.name === "webgl";
    this.draw();
  }

  reach({ places }) {
    let most = 0;
    for (let index = 0; index < places.length; index += 3) {
      const away = [0, 1, 2].map((axis) => places[index + axis] - this.middle[axis]);
      most = Math.max(most, Math.hypot(...away));
    }
    return most;
  }

  reset() {
    this.turn = [1, 0, 0, 0, 1, 0, 0, 0, 1];
    this.distance = (1.04 * this.radius) / Math.sin(FIELD_OF_VIEW / 2);
  }

  turnBy(right, down) {
    this.turn = times(times(aboutX(down), aboutY(right)), this.turn);
    this.draw();
  }

  zoomBy(factor) {
    const whole = this.radius / Math.sin(FIELD_OF_VIEW / 2);
    this.distance = Math.min(Math.max(this.distance * factor, 0.12 * whole), 4 * whole);
    this.draw();
  }

  draw() {
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight].map((side) => Math.round(side * scale));
    if (!width || !height) return;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.context.clearRect(0, 0, width, height);
    this.painter.paint(this.context, this.panels(), this);
    this.label(scale);
    this.canvas.dataset.drawn = this.painter.name;
  }

  panels() {
    const shown = this.meshes.filter((mesh) => mesh.isShown);
    return this.isSplit ? this.groups.map((group) => shown.filter((mesh) => mesh.group === group)) : [shown];
  }

  label(scale) {
    const { context, canvas } = this;
    const style = getComputedStyle(canvas);
    const panelWidth = Math.floor(canvas.width / this.panels().length);
    const length = (lensOf(panelWidth, canvas.height) * SCALE_BAR_M) / this.distance;
    context.fillStyle = context.strokeStyle = style.getPropertyValue("color");
    context.globalAlpha = 0.65;
    context.font = `${12 * scale}px ${style.fontFamily}`;
    context.textAlign = "left";
    const [left, bottom] = [14 * scale, canvas.height - 14 * scale];
    context.fillRect(left, bottom, length, 2 * scale);
    context.fillText("50 mm", left, bottom - 6 * scale);
    if (this.isSplit) {
      context.textAlign = "center";
      this.groups.forEach((group, number) => context.fillText(group, (number + 0.5) * panelWidth, 22 * scale));
    }
    context.globalAlpha = 1;
  }

  addControls() {
    const controls = this.figure.querySelector(".meshes");
    const options = this.figure.querySelector(".options");
    for (const mesh of this.meshes) {
      const button = this.toggle(mesh.name, true, (isOn) => (mesh.isShown = isOn));
      const dot = make("i");
      dot.style.setProperty("--mesh", mesh.color);
      button.prepend(dot);
      controls.append(button);
    }
    if (this.meshes.some((mesh) => mesh.errorColors)) {
      const scale = this.errorScale();
      options.append(this.toggle("Error", false, (isOn) => {
        this.showsError = isOn;
        scale.hidden = !isOn;
      }));
      controls.after(scale);
    }
    if (this.groups.length > 1) {
      options.append(this.toggle("Side by side", false, (isOn) => (this.isSplit = isOn)));
    }
  }

  toggle(text, isOn, set) {
    const button = make("button", "", text);
    button.type = "button";
    button.setAttribute("aria-pressed", String(isOn));
    button.addEventListener("click", () => {
      const isNowOn = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(isNowOn));
      set(isNowOn);
      this.draw();
    });
    return button;
  }

  errorScale() {
    const scale = make("div", "scale");
    const bar = make("i");
    bar.style.background = `linear-gradient(90deg, ${RAMP.map((color) => `rgb(${color})`)})`;
    scale.append(make("span", "", "0 mm"), bar, make("span", "", `${this.mostErrorMm} mm and more`));
    scale.hidden = true;
    return scale;
  }

  listen() {
    const { canvas } = this;
    const pointers = new Map();
    const spread = () => {
      const [first, second] = [...pointers.values()];
      return Math.hypot(first.clientX - second.clientX, first.clientY - second.clientY);
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, event);
    });
    canvas.addEventListener("pointermove", (event) => {
      const last = pointers.get(event.pointerId);
      if (!last) return;
      const before = pointers.size === 2 ? spread() : 0;
      pointers.set(event.pointerId, event);
      if (before) this.zoomBy(before / Math.max(spread(), 1));
      else this.turnBy(0.009 * (last.clientX - event.clientX), 0.009 * (event.clientY - last.clientY));
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => pointers.delete(event.pointerId));
    }
    canvas.addEventListener("wheel", (event) => {
      if (document.activeElement !== canvas) return; // the page scrolls on
      event.preventDefault();
      this.zoomBy(Math.exp(0.0012 * event.deltaY));
    }, { passive: false });
    canvas.addEventListener("dblclick", () => {
      this.reset();
      this.draw();
    });
    canvas.addEventListener("keydown", (event) => this.press(event));
  }

  press(event) {
    const actions = {
      ArrowLeft: () => this.turnBy(0.15, 0),
      ArrowRight: () => this.turnBy(-0.15, 0),
      ArrowUp: () => this.turnBy(0, -0.15),
      ArrowDown: () => this.turnBy(0, 0.15),
      "+": () => this.zoomBy(0.85),
      "-": () => this.zoomBy(1 / 0.85),
      0: () => {
        this.reset();
        this.draw();
      },
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }
}

const scenes = document.querySelectorAll(".scene");
if (scenes.length) {
  const painter = GlPainter.create() ?? new FacePainter();
  scenes.forEach((figure) => new SceneView(figure, painter));
}
