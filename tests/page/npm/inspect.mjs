// Opens pages in Chromium and prints, as JSON, what a reader would meet in each theme, width and medium.
//   node inspect.mjs CHROMIUM PAGES.json PICTURES
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [chromium, list, pictures] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const CONFIGS = [
  { name: "light", theme: "light", width: 1280, height: 800 },
  { name: "dark", theme: "dark", width: 1280, height: 800 },
  { name: "phone", theme: "light", width: 390, height: 844 },
];

const browser = await puppeteer.launch({
  executablePath: chromium,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"],
});
const results = [];
// One page at a time: Chromium paints only the page in front, and a picture of another one waits for ever.
for (const { name, file } of JSON.parse(readFileSync(list, "utf8"))) {
  for (const config of CONFIGS) results.push(await inspect(name, file, config));
}
await browser.close();
process.stdout.write(JSON.stringify(results));

async function inspect(name, file, config) {
  const page = await browser.newPage();
  const messages = [];
  page.on("console", (message) => messages.push(message.text()));
  page.on("pageerror", (error) => messages.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith("file:") && !request.url().startsWith("data:")) messages.push(`asked for ${request.url()}`);
  });
  await page.setViewport({ width: config.width, height: config.height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: config.theme }]);
  await page.goto(pathToFileURL(file).href);
  const first = await page.evaluate(() => ({
    word: document.querySelector("h1").textContent,
    causeBottom: document.querySelector(".cause")?.getBoundingClientRect().bottom,
    adviceTop: document.querySelector(".do")?.getBoundingClientRect().top,
    pathsTop: document.querySelector("#paths")?.getBoundingClientRect().top,
    overflow: document.documentElement.scrollWidth - window.innerWidth,
    broken: [...document.querySelectorAll('a[href^="#"]')].map((link) => decodeURIComponent(link.hash.slice(1))).filter((id) => !document.getElementById(id)),
    doubled: [...document.querySelectorAll("[id]")].map((each) => each.id).filter((id, at, all) => all.indexOf(id) !== at),
  }));
  await page.screenshot({ path: join(pictures, `${name}-${config.name}.png`), fullPage: true });
  const filters = await page.evaluate(() =>
    [...document.querySelectorAll('.paths input[type="radio"]')].map((input) => {
      input.click();
      const visible = [...document.querySelectorAll(".group")].filter((group) => group.checkVisibility());
      const classes = visible.map((group) => [...group.classList].find((each) => each !== "group"));
      return { lot: input.id.replace("lot-", ""), classes };
    }),
  );
  await page.evaluate(() => document.querySelector("#lot-all")?.click());
  const folded = () => [...document.querySelectorAll("details tr, details .rows p")].filter((each) => !each.checkVisibility()).length;
  const hidden = { screen: await page.evaluate(folded) };
  await page.emulateMediaType("print");
  hidden.print = await page.evaluate(folded);
  await page.emulateMediaType(null);
  await page.evaluate(() => document.querySelectorAll("details").forEach((each) => (each.open = true)));
  const opened = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  await page.setBypassCSP(true);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  await page.close();
  return {
    name,
    config: config.name,
    messages,
    ...first,
    opened,
    filters,
    hidden,
    violations: violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)} (${nodes[0].failureSummary.slice(0, 300)})`),
  };
}
