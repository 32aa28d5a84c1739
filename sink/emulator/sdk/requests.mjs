// The calls whose requests are compared with cubesync's, each made as an app makes it with ConnectyCube's own SDK,
// unmodified. It is for the test of sink/connectycube, whose recorder is told the name of each call as it begins; what
// happens between two calls isn't compared.
//
//   node requests.mjs http://127.0.0.1:8390
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import ConnectyCube from 'connectycube';

const endpoint = process.argv[2];
ConnectyCube.init({ appId: 1, authKey: 'emulator-auth-key' }, { endpoints: { api_url: endpoint }, debug: { mode: 0 } });

const mark = (name) => fetch(`${endpoint}/call/${name}`, { method: 'POST' });

async function call(name, make) {
  await mark(name);
  try {
    return await make();
  } catch (refusal) {
    throw new Error(`${name}: ${refusal.stack ?? JSON.stringify(refusal)}`);
  } finally {
    await mark('');
  }
}

const password = (login) => `password-of-${login}`;
const byLogin = (login) => ({ login, password: password(login) });
const byEmail = (login) => ({ email: `${login}@example.com`, password: password(login) });
const providers = {
  facebook: { provider: 'facebook', keys: { token: 'a-token' } },
  twitter: { provider: 'twitter', keys: { token: 'a-token', secret: 'a-secret' } },
  firebase_phone: { provider: 'firebase_phone', firebase_phone: { project_id: 'a-project', access_token: 'a-token' } },
  firebase_email: { provider: 'firebase_email', firebase_email: { project_id: 'a-project', access_token: 'a-token' } },
};

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sdk-requests-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true }));
function file(name, type, content) {
  const place = path.join(folder, name);
  fs.writeFileSync(place, content);
  return { name, type, file: fs.createReadStream(place), size: content.length };
}
const picture = () => file('picture.png', 'image/png', 'not really a picture');

// The SDK sends the token of the session that it had before with the call that makes the next one.
const newSession = (credential) => {
  ConnectyCube.setSession(null);
  return ConnectyCube.createSession(credential);
};

// Sessions.
await call('session/application', () => newSession());
await call('session/signed', () => newSession());
await call('session/login', () => newSession(byLogin('ann')));
await call('session/details', () => ConnectyCube.auth.getSession());
await call('session/email', () => newSession(byEmail('ann')));
await call('session/guest', () => newSession({ guest: '1', full_name: 'A Guest & Co' }));
for (const [name, credential] of Object.entries(providers)) {
  await call(`session/${name}`, () => newSession(credential));
}
for (const [name, credential] of Object.entries({ ...providers, email: byEmail('ann'), login: byLogin('ann') })) {
  await newSession();
  await call(`login/${name}`, () => ConnectyCube.auth.login(credential));
}
await call('logout', () => ConnectyCube.auth.logout());
await call('destroy', () => ConnectyCube.destroySession());

// Users.
ConnectyCube.setSession(null);
await call('sign-up/key', () => ConnectyCube.users.signup({
  login: 'dora+1', email: 'dora@example.com', password: password('dora'), full_name: 'Dora Ünal & “Söhne”', phone: '+49 30 1',
  website: 'https://example.org/?a=b&c', external_id: '0007', custom_data: '{"team":"a<b"}', tag_list: ['hr-sync', 'staff'],
  external_user_id: 7, facebook_id: 'f-7', twitter_id: 't-7', timezone: 60, avatar: 'https://example.org/dora.png',
}));
await newSession();
await call('sign-up/session', () => ConnectyCube.users.signup({ login: 'ida', password: password('ida') }));
await newSession(byLogin('ann'));
await call('update/fields', () => ConnectyCube.users.update({
  login: 'ann', email: 'ann@example.com', full_name: 'Ann Other', phone: '+49 30 2', website: 'http://example.org', custom_data: '{"n":1}',
  tag_list: ['hr-sync', 'vip'],
}));
await call('update/clear', () => ConnectyCube.users.update({ full_name: null, phone: null, custom_data: null, tag_list: [] }));
await call('update/tags-as-text', () => ConnectyCube.users.update({ tag_list: 'hr-sync,staff' }));
await call('reset', () => ConnectyCube.users.resetPassword('ann@example.com'));
await call('reset-as-documented', () => ConnectyCube.users.resetPassword('ann@example.com'));
await newSession(byLogin('eve'));
await call('delete', () => ConnectyCube.users.delete());
await call('delete-as-admin', async () => {});

// What an app does as its user, from the sign-in on.
await call('as-owner/update', async () => {
  await newSession(byLogin('bob'));
  await ConnectyCube.users.update({ full_name: 'Bob Other' });
});
await call('as-owner/password', async () => {
  await newSession(byLogin('bob'));
  await ConnectyCube.users.update({ old_password: password('bob'), password: 'another-password' });
});
await call('as-owner/delete', async () => {
  await newSession(byLogin('leo'));
  await ConnectyCube.users.delete();
});

// Queries. The ids are those of ann and bob.
await newSession(byLogin('ann'));
const moment = '2026-11-06T09:21:41Z';
const one = {
  id: 1, login: 'dora+1', email: 'ann@example.com', full_name: 'Ünal & “Söhne”, 100%', phone: '+49 30 1', external_id: '0007',
  facebook_id: 'f-7', twitter_id: 't-7', user_tags: 'hr-sync',
};
const more = {
  id: 2, login: 'bob', email: 'bob@example.com', full_name: 'Bob Example', phone: '+49 30 2', external_id: 'E 2', facebook_id: 'f/8',
  twitter_id: 't?8', user_tags: 'staff',
};
const tagged = { user_tags: 'hr-sync' };
const queries = {
  start_with: { full_name: { start_with: 'Ann ' } },
  nin: { id: { in: [1, 2] }, user_tags: { nin: ['vip', 'staff'] } },
  gt: { ...tagged, created_at: { gt: moment } },
  gte: { ...tagged, updated_at: { gte: moment } },
  lt: { ...tagged, last_request_at: { lt: moment } },
  lte: { ...tagged, updated_at: { lte: moment } },
  between: { ...tagged, updated_at: { gte: moment, lt: '2026-12-01T00:00:00Z' } },
  sort_asc: { ...tagged, sort_asc: 'full_name' },
  sort_desc: { ...tagged, sort_desc: 'updated_at' },
};
for (const field of Object.keys(one)) {
  queries[`${field}-equal`] = { [field]: one[field] };
  queries[`${field}-in`] = { [field]: { in: [one[field], more[field]] } };
}
for (const [name, query] of Object.entries(queries)) {
  await call(`v2/${name}`, () => ConnectyCube.users.getV2({ ...query, limit: 100, offset: 0 }));
}
await call('v2/page', () => ConnectyCube.users.getV2({ ...tagged, sort_asc: 'id', limit: 10, offset: 20 }));
await call('v2/usual-page', () => ConnectyCube.users.getV2(tagged));

const byId = { sort_asc: 'id', limit: 100, offset: 0 };
for (const field of Object.keys(one)) {
  await call(`look-up/${field}`, () => ConnectyCube.users.getV2({ [field]: { in: [one[field], more[field]] }, ...byId }));
}
await call('look-up/a-single-value', () => ConnectyCube.users.getV2({ login: 'ann' }));
await call('list', () => ConnectyCube.users.getV2({ ...tagged, ...byId }));

// The deprecated reads that cubesync falls back to.
const oldPage = { order: { sort: 'asc', field: 'id' }, page: 1, per_page: 100 };
const filter = (field, param, value) => ({ filter: { field, param, value }, ...oldPage });
await call('v1/is-it-there', () => ConnectyCube.users.get({ page: 1, per_page: 1 }));
await call('v1/list', () => ConnectyCube.users.get({ tags: 'hr-sync', page: 1, per_page: 100 }));
for (const field of Object.keys(one).filter((field) => field !== 'user_tags' && field !== 'full_name')) {
  await call(`v1/${field}`, () => ConnectyCube.users.get(filter(field, 'in', [one[field], more[field]])));
}
await call('v1/full_name', () => ConnectyCube.users.get(filter('full_name', 'in', ['Ann Example', 'Bob Example'])));
await call('v1/with-a-comma', () => ConnectyCube.users.get(filter('full_name', 'eq', one.full_name)));

// Files.
const note = await call('file/upload', () => ConnectyCube.storage.createAndUpload({
  ...file('note.json', 'application/json', '{"a":"note"}'), public: false,
}));
await call('file/info', () => ConnectyCube.storage.getInfo(note.id));
await call('file/read', () => ConnectyCube.storage.getFile(note.uid));
await call('file/delete', () => ConnectyCube.storage.delete(note.id));
await call('avatar/avatar', async () => {
  const { uid } = await ConnectyCube.storage.createAndUpload(picture());
  await ConnectyCube.users.update({ avatar: uid });
});
await call('avatar/custom_data', async () => {
  const { uid } = await ConnectyCube.storage.createAndUpload(picture());
  await ConnectyCube.users.update({ custom_data: JSON.stringify({ avatar_uid: uid }) });
});
