import { launch, openPage } from './browser.mjs';
const o='http://127.0.0.1:7713'; const b=await launch(); const f=[]; const p=await openPage(b,{origin:o},f);
p.on('response',r=>console.log(r.status(),r.url()));
await p.goto(o+'/console/segments/lapsed-buyers/edit'); await p.waitForTimeout(4000); console.log((await p.textContent('body')).slice(0,300)); console.log(f.join('\n').slice(0,900)); await b.close();
