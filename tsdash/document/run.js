// Unpacks plotly.js and the figures, and draws them for the appearance that the reader sees; for paper always the light one,
// as wide as a sheet is.
const PAPER_PX = 700; // A4 upright between its margins; Letter has a little more
const unpacked = async (id) => {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
};
const root = document.documentElement;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.style.colorScheme ? root.style.colorScheme === "dark" : prefersDark.matches);

const main = async () => {
  const library = document.createElement("script");
  library.textContent = await unpacked("plotly");
  document.head.append(library);
  const figures = JSON.parse(await unpacked("figures"));
  const draw = (dark, width) => {
    for (const [id, appearances] of Object.entries(figures)) {
      const { data, layout } = appearances[dark ? 1 : 0];
      Plotly.react(id, data, { ...layout, width, autosize: !width }, { responsive: true, displaylogo: false, displayModeBar: false });
    }
    root.dataset.drawn = dark ? "dark" : "light";
  };
  draw(isDark());
  document.getElementById("appearance").addEventListener("click", () => {
    root.style.colorScheme = isDark() ? "light" : "dark";
    draw(isDark());
  });
  prefersDark.addEventListener("change", () => draw(isDark()));
  addEventListener("beforeprint", () => draw(false, PAPER_PX));
  addEventListener("afterprint", () => draw(isDark()));
};
main();
