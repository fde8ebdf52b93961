import { launch, openPage, settle } from './browser.mjs';
const origin = process.argv[2]; const out = process.argv[3]; const list = process.argv.slice(4);
const browser = await launch(); const faults = [];
for (const spec of list) {
  const [path, name, width, scheme] = spec.split(',');
  const page = await openPage(browser, { origin, width: Number(width), scheme }, faults);
  await page.goto(origin + '/console' + path); await settle(page).catch((e) => faults.push(String(e).slice(0,200))); await page.waitForTimeout(500);
  await page.screenshot({ path: `${out}/${name}.png`, fullPage: true }); await page.context().close();
}
console.log(faults.join('\n')); await browser.close();
