/** The colours of a chart on a light page; on a dark one each is replaced by that of the same name. */
export const colours = {
  page: "#ffffff",
  text: "#1f2328",
  faint: "#d1d9e0",
  own: "#0969da",
  second: "#bc4c00",
  other: "#afb8c1",
} as const;

const onDark: Readonly<Record<keyof typeof colours, string>> = {
  page: "#0d1117",
  text: "#e6edf3",
  faint: "#30363d",
  own: "#4493f8",
  second: "#f0883e",
  other: "#59636e",
};

/** A stylesheet for an SVG that uses the colours as attributes, which any rule outranks. */
export function darkStyle(): string {
  const rules = Object.entries(colours).flatMap(([name, light]) => {
    const dark = onDark[name as keyof typeof colours];
    return [`[fill="${light}"]{fill:${dark}}`, `[stroke="${light}"]{stroke:${dark}}`];
  });
  return `<style>@media (prefers-color-scheme:dark){${rules.join("")}}</style>`;
}
