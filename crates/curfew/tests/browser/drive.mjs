// Drives the console in Chromium as two people would, without scripts on the page. Ends 0 when all is well.
// Reads CURFEW_URL, CURFEW_PICTURES (a folder), CURFEW_BIN and CURFEW_HOME.
import { chromium } from 'playwright-core';
import axe from '@axe-core/playwright';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import assert from 'node:assert/strict';

const { CURFEW_URL: url, CURFEW_PICTURES: pictures, CURFEW_BIN: bin, CURFEW_HOME: home } = process.env;
const AxeBuilder = axe.default ?? axe;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
let checked = 0;

// One person's browser. Everything it refuses to load, or any script that tries to run, fails the test.
async function person(email, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1180, height: 900 }, ...options });
  const page = await context.newPage();
  const faults = [];
  page.on('console', (message) => { if (message.type() === 'error') faults.push(message.text()); });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('request', (request) => { if (!request.url().startsWith(url)) faults.push(`loads ${request.url()}`); });
  await page.goto(url);
  if (email) {
    await page.getByLabel('E-mail').fill(email);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
  }
  return { page, context, faults, email };
}

// Holds a page against the rules, and takes pictures of it: light, dark and narrow.
async function look(page, name) {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    const found = await new AxeBuilder({ page }).analyze();
    assert.ok(found.passes.length > 5, `${name}: the rules were looked at`);
    const bad = found.violations.filter((v) => ['serious', 'critical'].includes(v.impact));
    assert.deepEqual(bad.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`), [], `${name} (${scheme})`);
    await page.screenshot({ path: `${pictures}/${name}-${scheme}.png`, fullPage: true });
    checked += 1;
  }
  await page.emulateMedia({ colorScheme: 'light' });
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 360, `${name}: ${wide} pixels wide on a screen of 360`);
  await page.screenshot({ path: `${pictures}/${name}-narrow.png`, fullPage: true });
  await page.setViewportSize(size);
}

function curfew(email, ...words) {
  const state = `${home}/people/${email}`;
  mkdirSync(state, { recursive: true });
  const env = { PATH: process.env.PATH, HOME: state, CURFEW_STATE: state, CURFEW_SERVER: url };
  return execFileSync(bin, words, { env, encoding: 'utf8' });
}

try {
  const stranger = await person(null);
  await look(stranger.page, 'sign-in');

  // Ann looks around, checks, and asks. Without scripts, as all of it must work.
  const ann = await person('ann@example.com', { javaScriptEnabled: true });
  await look(ann.page, 'overview-empty');
  await ann.page.getByRole('link', { name: 'web-debug' }).click();
  await look(ann.page, 'ask');
  await ann.page.getByLabel('shell').check();
  await ann.page.getByLabel('For how long').fill('45m');
  await ann.page.getByLabel('Why').fill('short');
  await ann.page.getByRole('button', { name: 'Check it' }).click();
  await ann.page.getByRole('heading', { name: 'The policy denies it.' }).waitFor();
  await look(ann.page, 'ask-denied');
  await ann.page.getByLabel('Why').fill('Orders are stuck since 9:40, the queue worker on web-1 hangs.\nIt needs a look at its threads.');
  await ann.page.getByLabel('Ticket').fill('OPS-1742');
  await ann.page.getByRole('button', { name: 'Check again' }).click();
  await ann.page.getByRole('heading', { name: 'The policy allows it once it is approved.' }).waitFor();
  await look(ann.page, 'ask-allowed');
  await ann.page.getByRole('button', { name: 'Ask for it' }).click();
  await ann.page.getByText('It is asked.').waitFor();
  const request = new URL(ann.page.url()).pathname;
  await look(ann.page, 'request-own');
  assert.equal(await ann.page.getByRole('button', { name: 'Approve' }).count(), 0, 'nobody approves their own');

  // Bob hears of it, opens it from "a mail", and approves less than was asked. Only the keyboard.
  const bob = await person('bob@example.com');
  await look(bob.page, 'overview-waiting');
  await bob.page.goto('about:blank');
  await bob.page.setContent(`<a href="${url}${request}">Look at it</a>`);
  bob.faults.length = 0;
  await bob.page.getByRole('link').click();
  await bob.page.getByRole('heading', { name: 'ann@example.com asks for web-debug' }).waitFor();
  await look(bob.page, 'request-approver');
  await bob.page.getByLabel('For at most').focus();
  await bob.page.keyboard.press('Control+A');
  await bob.page.keyboard.type('30m');
  await bob.page.keyboard.press('Enter');
  await bob.page.getByText('Your approval counts.').waitFor();
  await look(bob.page, 'request-approved');

  // Ann activates it at the command line, where the secret is made, and sees it live.
  const id = request.split('/').pop();
  curfew('ann@example.com', 'login', '--as', 'ann@example.com');
  curfew('ann@example.com', 'activate', id);
  await ann.page.goto(`${url}/`);
  await ann.page.getByRole('link', { name: 'web-debug' }).first().waitFor();
  await look(ann.page, 'overview-live');
  await ann.page.locator('section[aria-labelledby=live]').getByRole('link').first().click();
  await ann.page.getByText('Live:').waitFor();
  await look(ann.page, 'grant-live');

  // She asks for more time, which Bob has to approve as well.
  await ann.page.getByLabel('How much more').fill('15m');
  await ann.page.getByRole('button', { name: 'Ask for more time' }).click();
  await ann.page.getByText('It is asked.').waitFor();
  await look(ann.page, 'more-time');
  await ann.page.goto(`${url}/grants/${id}`);

  // Bob revokes it, and both see the end.
  await bob.page.goto(`${url}/grants/${id}`);
  await bob.page.getByLabel('Reason').fill('The incident is over.');
  await bob.page.getByRole('button', { name: 'Revoke it' }).click();
  await bob.page.getByText('Its end is ordered.').waitFor();
  for (let tries = 0; tries < 100; tries += 1) {
    await ann.page.reload();
    if (await ann.page.getByText('It has ended').count()) break;
    await ann.page.waitForTimeout(100);
  }
  await ann.page.getByText('because it was revoked').waitFor();
  await look(ann.page, 'grant-ended');

  // Several roles with one ask.
  await ann.page.goto(`${url}/`);
  await ann.page.getByRole('link', { name: 'web-kit' }).click();
  await look(ann.page, 'bundle');
  await ann.page.getByLabel('Why').fill('The queue worker on web-1 hangs again.');
  await ann.page.getByRole('button', { name: 'Check it' }).click();
  await ann.page.getByRole('button', { name: 'Ask for all of it' }).waitFor();
  await look(ann.page, 'bundle-checked');
  await ann.page.getByRole('button', { name: 'Ask for all of it' }).click();
  await ann.page.getByRole('heading', { name: 'web-kit was asked for' }).waitFor();
  await look(ann.page, 'bundle-asked');

  // An emergency, and what somebody makes of it afterwards.
  const night = await person('night@example.com');
  await look(night.page, 'overview-emergency');
  await night.page.getByRole('link', { name: 'web-debug' }).first().click();
  if (!(await night.page.getByRole('button', { name: 'Take emergency access' }).count())) {
    await night.page.goto(`${url}/roles/web-debug/break-glass`);
  }
  await look(night.page, 'emergency');
  await night.page.getByLabel('Why').fill('The shop is down and nobody answers.');
  await night.page.getByRole('button', { name: 'Take emergency access' }).click();
  await night.page.getByText('It is yours.').waitFor();
  const emergency = new URL(night.page.url()).pathname.split('/').pop();
  curfew('night@example.com', 'login', '--as', 'night@example.com');
  curfew('night@example.com', 'activate', emergency);
  await bob.page.goto(`${url}/grants/${emergency}`);
  await look(bob.page, 'review');
  await bob.page.getByLabel('An emergency, and used for it').check();
  await bob.page.getByLabel('What you found').fill('It was down.');
  await bob.page.getByRole('button', { name: 'Review it' }).click();
  await bob.page.getByText('Your review stands.').waitFor();
  await look(bob.page, 'reviewed');

  await bob.page.getByRole('link', { name: 'Audit' }).click();
  await bob.page.getByRole('cell', { name: 'grant.ending' }).first().waitFor();
  await look(bob.page, 'audit');
  await bob.page.goto(`${url}/requests/req_00000000000000000000000000`);
  await look(bob.page, 'not-found');

  // Every page works with scripts switched off as well.
  const plain = await person('ann@example.com', { javaScriptEnabled: false });
  await plain.page.goto(`${url}/roles/web-restart`);
  await plain.page.getByRole('button', { name: 'Check it' }).click();
  await plain.page.getByRole('button', { name: 'Ask for it' }).click();
  await plain.page.getByText('curfew activate req_').waitFor();

  for (const one of [stranger, ann, bob, night, plain]) {
    const faults = one.faults.filter((fault) => !fault.includes('404'));
    assert.deepEqual(faults, [], `${one.email}: what the browser complains about`);
  }
  console.log(`${checked} views without a serious accessibility violation`);
} finally {
  await browser.close();
}
