// Opens one page in Chromium and prints, as JSON, how long it takes to load and to filter its paths, in milliseconds.
//   node measure.mjs CHROMIUM PAGE
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [chromium, file] = process.argv.slice(2);
const browser = await puppeteer.launch({ executablePath: chromium, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage();
await page.setViewport({ width: 1280, height: 800 });
await page.goto(pathToFileURL(file).href);
const load = await page.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventEnd);
const filter = await page.evaluate(async () => {
  const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  document.querySelectorAll("details.group").forEach((each) => (each.open = true));
  await drawn();
  const begin = performance.now();
  [...document.querySelectorAll('.paths input[type="radio"]')].at(-1).click();
  await drawn();
  return performance.now() - begin;
});
await browser.close();
process.stdout.write(JSON.stringify({ load, filter }));
