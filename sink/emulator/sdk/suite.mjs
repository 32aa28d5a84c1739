// What an app does with ConnectyCube's own SDK, unmodified, against a running emulator:
//
//   npm ci --ignore-scripts
//   node suite.mjs http://127.0.0.1:8390
//
// The steps build on each other: one failure can bring others after it; the first is the one to look at.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import ConnectyCube from 'connectycube';

const endpoint = process.argv[2];
const credentials = { appId: 1, authKey: 'emulator-auth-key' };
const listeners = {};
ConnectyCube.init(credentials, { endpoints: { api_url: endpoint }, debug: { mode: 0 }, on: listeners });
const onExpired = (listener) => ConnectyCube.init(credentials, { endpoints: { api_url: endpoint }, on: { sessionExpired: listener } });

const run = Date.now().toString(36); // so that the suite can run twice against one data file
const ann = { login: `ann+${run}`, email: `Ann.${run}@Example.com`, password: 'annspassword' };
const bob = { login: `bob+${run}`, email: `bob.${run}@example.com`, password: 'bobspassword' };
const guest = { guest: '1', full_name: 'A Guest' };
const byLogin = ({ login, password }) => ({ login, password });
const byEmail = ({ email, password }) => ({ email, password });

// refusal is the error object that the SDK makes of a refused call.
async function refusal(promise) {
  const error = await promise.then((got) => assert.fail(`not refused: ${JSON.stringify(got)}`), (e) => e);
  assert.ok(!(error instanceof Error), `not the SDK's error object: ${error.stack}`);
  return error;
}

async function emulator(path, body) {
  const response = await fetch(`${endpoint}/__emulator/${path}`, body && { method: 'POST', body: JSON.stringify(body) });
  assert.equal(response.status, 200);
  return response.json();
}

const asSomebody = (user) => ConnectyCube.createSession(user);
const ids = (answer) => answer.items.map((item) => item.id);
let annId, bobId;

test('an application session', async () => {
  const session = await ConnectyCube.createSession();
  assert.equal(session.user_id, 0);
  assert.equal(session.application_id, 1);
  assert.ok(session.token);
  assert.equal((await ConnectyCube.auth.getSession()).token, session.token);
});

test('sign-up with every field and tags', async () => {
  const fields = {
    full_name: 'Ann Example', phone: '+49 30 1', website: 'ann.example.com', external_id: `E-${run}`,
    external_user_id: parseInt(run, 36), facebook_id: `fb-${run}`, twitter_id: `tw-${run}`, timezone: 60, blob_id: 7,
    custom_data: '{"department":"Research"}', avatar: 'https://example.com/ann.png',
  };
  const { user } = await ConnectyCube.users.signup({ ...ann, ...fields, tag_list: ['staff', `tag-${run}`] });
  annId = user.id;
  const { created_at, updated_at, ...rest } = user;
  assert.deepEqual(rest, {
    ...fields, id: annId, login: ann.login, email: ann.email.toLowerCase(), website: 'http://ann.example.com',
    user_tags: `staff,tag-${run}`, is_guest: false, last_request_at: null,
  });
  assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(updated_at, created_at);
  bobId = (await ConnectyCube.users.signup({
    ...bob, full_name: 'Bob Example', phone: '+49 30 2', external_id: `E-${run}-b`, facebook_id: `fb-${run}-b`,
    twitter_id: `tw-${run}-b`, tag_list: `tag-${run}`,
  })).user.id;
});

test('sign-up without a session, by the auth key', async () => {
  await ConnectyCube.destroySession();
  const { user } = await ConnectyCube.users.signup({ login: `carol-${run}`, password: 'carolspassword' });
  assert.ok(user.id > bobId);
});

test('user sessions by login and by e-mail', async () => {
  const session = await ConnectyCube.createSession(byLogin(ann));
  assert.equal(session.user_id, annId);
  assert.equal(session.user.full_name, 'Ann Example');
  assert.equal((await ConnectyCube.createSession(byEmail(ann))).user_id, annId);
});

test('an unknown login is made on the fly', async () => {
  const login = `fly-${run}`;
  assert.equal((await ConnectyCube.createSession({ login, password: 'flyspassword' })).user.login, login);
});

test('a guest', async () => {
  const session = await ConnectyCube.createSession(guest);
  assert.equal(session.user.is_guest, true);
  assert.equal(session.user.full_name, guest.full_name);
  assert.notEqual((await ConnectyCube.createSession(guest)).user_id, session.user_id);
});

for (const [name, credential] of Object.entries({
  facebook: { provider: 'facebook', keys: { token: `face-${run}` } },
  twitter: { provider: 'twitter', keys: { token: `tweet-${run}`, secret: 'x' } },
  'firebase phone': { provider: 'firebase_phone', firebase_phone: { project_id: 'p', access_token: `phone-${run}` } },
  'firebase e-mail': { provider: 'firebase_email', firebase_email: { project_id: 'p', access_token: `mail-${run}` } },
})) {
  test(`a session by ${name}`, async () => {
    const { user_id } = await ConnectyCube.createSession(credential);
    assert.ok(user_id > 0);
    assert.equal((await ConnectyCube.createSession(credential)).user_id, user_id);
    await ConnectyCube.createSession();
    assert.equal((await ConnectyCube.auth.login(credential)).id, user_id);
  });
}

test('login, logout and destroy', async () => {
  await ConnectyCube.createSession();
  assert.equal((await ConnectyCube.auth.login(byLogin(bob))).id, bobId);
  assert.equal((await ConnectyCube.auth.getSession()).user_id, bobId);
  await ConnectyCube.auth.logout();
  assert.equal((await ConnectyCube.auth.getSession()).user_id, 0);
  ConnectyCube.service.setCurrentUserId(bobId);
  assert.equal((await refusal(ConnectyCube.users.update({ full_name: 'x' }))).code, 403);
  assert.equal((await ConnectyCube.auth.login(byEmail(ann))).id, annId);
  await ConnectyCube.auth.logout();
  const { token } = await ConnectyCube.auth.getSession();
  await ConnectyCube.destroySession();
  ConnectyCube.setSession({ token });
  assert.equal((await refusal(ConnectyCube.auth.getSession())).code, 401);
});

test('update', async () => {
  await asSomebody(byLogin(ann));
  const { user } = await ConnectyCube.users.update({ full_name: 'Ann Other', custom_data: null, tag_list: ['staff', `tag-${run}`, 'vip'] });
  assert.equal(user.full_name, 'Ann Other');
  assert.equal(user.custom_data, null);
  assert.equal(user.phone, '+49 30 1'); // what isn't given stays
  const fields = { login: `ann.${run}`, email: `other.${run}@example.com`, phone: '1', website: 'https://example.org', timezone: -60 };
  const changed = (await ConnectyCube.users.update(fields)).user;
  for (const [name, value] of Object.entries(fields)) assert.equal(changed[name], value);
  await ConnectyCube.users.update({ ...byLogin(ann), password: undefined, email: ann.email, phone: '+49 30 1', timezone: 60 });
});

test('a password change needs the old one', async () => {
  const password = 'annsnewpassword';
  const refused = await refusal(ConnectyCube.users.update({ password, old_password: 'not the old one' }));
  assert.equal(refused.code, 422);
  assert.ok(refused.info.errors.old_password);
  await ConnectyCube.users.update({ password, old_password: ann.password });
  assert.equal((await refusal(ConnectyCube.createSession(byLogin(ann)))).code, 401);
  ann.password = password;
  assert.equal((await ConnectyCube.createSession(byLogin(ann))).user_id, annId);
});

test('a reset e-mail', async () => {
  await ConnectyCube.users.resetPassword(ann.email);
  const sent = (await emulator('outbox')).mails.at(-1);
  assert.equal(sent.to, ann.email.toLowerCase());
  assert.equal(sent.user_id, annId);
  assert.equal((await refusal(ConnectyCube.users.resetPassword('nobody@example.com'))).code, 404);
});

const tagged = { user_tags: `tag-${run}` };
const later = Math.floor(Date.now() / 1000) + 3600;
const standAlone = {
  id: () => [annId, bobId],
  login: () => [ann.login, bob.login],
  email: () => [ann.email, bob.email],
  full_name: () => ['Ann Other', 'Bob Example'],
  phone: () => ['+49 30 1', '+49 30 2'],
  external_id: () => [`E-${run}`, `E-${run}-b`],
  facebook_id: () => [`fb-${run}`, `fb-${run}-b`],
  twitter_id: () => [`tw-${run}`, `tw-${run}-b`],
};
const times = ['created_at', 'updated_at', 'last_request_at'];

async function found(query) {
  const answer = await ConnectyCube.users.getV2(query);
  for (const item of answer.items) assert.ok(Array.isArray(item.user_tags));
  return { ...answer, names: ids(answer).map((id) => ({ [annId]: 'ann', [bobId]: 'bob' })[id] ?? id).join(' ') };
}

for (const [field, values] of Object.entries(standAlone)) {
  test(`getV2: ${field} equal, in, nin${field === 'id' ? '' : ', start_with'}`, async () => {
    const [anns, bobs] = values();
    assert.equal((await found({ ...tagged, [field]: anns })).names, 'ann');
    assert.equal((await found({ [field]: { in: [bobs, anns, 0] }, user_tags: { in: [tagged.user_tags] } })).names, 'ann bob');
    assert.equal((await found({ ...tagged, [field]: { nin: [anns] } })).names, 'bob');
    if (field !== 'id') assert.equal((await found({ ...tagged, [field]: { start_with: bobs } })).names, 'bob');
  });

  test(`getV2: sort_asc and sort_desc by ${field}`, async () => {
    assert.equal((await found({ ...tagged, sort_asc: field })).names, 'ann bob');
    assert.equal((await found({ ...tagged, sort_desc: field })).names, 'bob ann');
  });
}

for (const field of times) {
  test(`getV2: ${field} gt, gte, lt, lte`, async () => {
    for (const [operator, yes, no] of [
      ['gt', '2019-11-06T09:21:41Z', later], ['gte', 1573032101, later], ['lt', later, '2019-11-06T09:21:41Z'], ['lte', later, 1573032101],
    ]) {
      assert.equal((await found({ ...tagged, [field]: { [operator]: yes } })).names, 'ann bob', operator);
      assert.equal((await found({ ...tagged, [field]: { [operator]: no } })).names, '', operator);
    }
  });

  test(`getV2: sort_asc and sort_desc by ${field}`, async () => {
    const up = (await found({ ...tagged, sort_asc: field })).items.map((item) => item[field]);
    const down = (await found({ ...tagged, sort_desc: field })).items.map((item) => item[field]);
    assert.ok(up[0] <= up[1] && down[0] >= down[1], `${up} and ${down}`);
    assert.equal(up.length, 2);
  });
}

for (const [name, query, want] of [
  ['id', () => ({ id: annId }), 'ann'],
  ['login', () => ({ login: ann.login }), 'ann'],
  ['e-mail', () => ({ email: ann.email }), 'ann'],
  ['external id', () => ({ external_id: `E-${run}` }), 'ann'],
  ['facebook id', () => ({ facebook_id: `fb-${run}` }), 'ann'],
  ['twitter id', () => ({ twitter_id: `tw-${run}` }), 'ann'],
  ['tag', () => tagged, 'ann bob'],
  ['tags in', () => ({ user_tags: { in: [`tag-${run}`, 'nobody'] } }), 'ann bob'],
  ['start_with', () => ({ ...tagged, full_name: { start_with: 'bob ' } }), 'bob'],
  ['tags nin', () => ({ id: { in: [annId, bobId] }, user_tags: { nin: ['vip'] } }), 'bob'],
  ['nobody', () => ({ external_id: 'nobody' }), ''],
]) {
  test(`getV2: ${name}`, async () => assert.equal((await found(query())).names, want));
}

test('getV2: pages', async () => {
  for (const [offset, want] of [[0, 'ann'], [1, 'bob'], [2, '']]) {
    const { names, total_entries, limit, skip } = await found({ ...tagged, sort_asc: 'id', limit: 1, offset });
    assert.deepEqual([names, total_entries, limit, skip], [want, 2, 1, offset]);
  }
  assert.equal((await found(tagged)).limit, 100);
  assert.equal((await found({ ...tagged, limit: 1000 })).limit, 100);
  assert.equal((await found({ ...tagged, full_name: { start_with: 'Ann ' } })).limit, 5);
});

test('getV2 refuses additional fields alone', async () => {
  assert.equal((await refusal(ConnectyCube.users.getV2({ created_at: { gt: 1 } }))).code, 422);
});

for (const [name, params] of Object.entries({
  login: () => ({ login: ann.login }),
  email: () => ({ email: ann.email }),
  facebook_id: () => ({ facebook_id: `fb-${run}` }),
  twitter_id: () => ({ twitter_id: `tw-${run}` }),
  external: () => ({ external: parseInt(run, 36) }),
  id: () => annId,
})) {
  test(`get (v1): one user by ${name}`, async () => {
    const { user } = await ConnectyCube.users.get(params());
    assert.equal(user.id, annId);
    assert.equal(user.user_tags, `staff,tag-${run},vip`);
  });
}

for (const [name, params, want] of [
  ['full_name', () => ({ full_name: 'Ann Other', per_page: 100 }), 'has ann'],
  ['tags', () => ({ tags: [`tag-${run}`, 'nobody'] }), 'ann bob'],
  ['phone', () => ({ phone: '+49 30 1' }), 'user'],
  ['everybody', () => ({ per_page: 100, order: { sort: 'asc', field: 'id' } }), 'has ann'],
  ['filter in', () => ({ filter: { field: 'id', param: 'in', value: [annId, bobId] } }), 'ann bob'],
  ['filter eq', () => ({ filter: { field: 'login', param: 'eq', value: bob.login } }), 'bob'],
  ['filter between', () => ({ filter: { field: 'id', param: 'between', value: [annId, bobId] } }), 'ann bob'],
  ['filter gt and lt', () => ({ filter: [{ field: 'id', param: 'gt', value: annId }, { field: 'id', param: 'lt', value: bobId + 1 }] }), 'bob'],
  ['filter ge and le', () => ({ filter: [{ field: 'id', param: 'ge', value: annId }, { field: 'id', param: 'le', value: bobId }] }), 'ann bob'],
  ['filter ne', () => ({ filter: [{ field: 'id', param: 'in', value: [annId, bobId] }, { field: 'id', param: 'ne', value: annId }] }), 'bob'],
  ['filter by date', () => ({
    filter: [{ field: 'id', param: 'in', value: [annId, bobId] }, { field: 'created_at', param: 'gt', value: '2019-11-06' }],
  }), 'ann bob'],
  ['filter and order', () => ({
    filter: { field: 'login', param: 'in', value: [ann.login, bob.login] }, order: { sort: 'desc', field: 'full_name' },
  }), 'bob ann'],
  ['two filters', () => ({
    filter: [{ field: 'id', param: 'gt', value: annId - 1 }, { field: 'login', param: 'eq', value: bob.login }],
  }), 'bob'],
  ['page', () => ({
    filter: { field: 'id', param: 'in', value: [annId, bobId] }, order: { sort: 'asc', field: 'id' }, page: 2, per_page: 1,
  }), 'bob'],
]) {
  test(`get (v1): ${name}`, async () => {
    const answer = await ConnectyCube.users.get(params());
    if (want === 'user') {
      assert.equal(answer.user.phone, '+49 30 1');
      return;
    }
    const names = { [annId]: 'ann', [bobId]: 'bob' };
    const got = answer.items.map((item) => names[item.user.id] ?? item.user.id);
    if (want === 'has ann') assert.ok(got.includes('ann'));
    else assert.equal(got.join(' '), want);
    if (name === 'page') assert.deepEqual([answer.current_page, answer.per_page, answer.total_entries], [2, 1, 2]);
  });
}

test('a file: upload, read back, delete', async () => {
  await asSomebody(byLogin(ann));
  const text = JSON.stringify({ run, what: 'a file' });
  const file = Buffer.from(text);
  const blob = await ConnectyCube.storage.createAndUpload({ name: 'note.json', file, type: 'application/json', size: file.length, public: false });
  assert.ok(blob.uid);
  const { blob: info } = await ConnectyCube.storage.getInfo(blob.id);
  assert.deepEqual([info.name, info.size, info.content_type, info.public], ['note.json', file.length, 'application/json', false]);
  assert.deepEqual(await ConnectyCube.storage.getFile(blob.uid), { run, what: 'a file' });
  assert.equal(await (await fetch(ConnectyCube.storage.privateUrl(blob.uid))).text(), text);
  assert.equal((await fetch(ConnectyCube.storage.publicUrl(blob.uid))).status, 401);
  const { blob: object } = await ConnectyCube.storage.getFileObject(blob.uid, { download_url: '1' });
  assert.equal(await (await fetch(object.blob_object_access.download_url)).text(), text);
  await ConnectyCube.users.update({ avatar: blob.uid });
  await ConnectyCube.storage.delete(blob.id);
  assert.equal((await refusal(ConnectyCube.storage.getInfo(blob.id))).code, 404);
});

test('a public file is for everybody', async () => {
  const file = Buffer.from('public');
  const blob = await ConnectyCube.storage.createAndUpload({ name: 'p.txt', file, type: 'text/plain', size: 6 });
  const response = await fetch(ConnectyCube.storage.publicUrl(blob.uid));
  assert.deepEqual([response.status, response.headers.get('content-type'), await response.text()], [200, 'text/plain', 'public']);
});

test('an expired session is renewed by the retry callback, and the call repeated', async () => {
  let renewals = 0;
  onExpired(async (handle, retry) => {
    renewals++;
    retry(await ConnectyCube.createSession(byLogin(ann)));
  });
  await asSomebody(byLogin(ann));
  await emulator('faults', { faults: [{ do: 'end_session', call: 'update' }] });
  const { user } = await ConnectyCube.users.update({ full_name: 'Ann Renewed' });
  assert.equal(user.full_name, 'Ann Renewed');
  assert.equal(renewals, 1);
  onExpired(undefined);
});

test('error 401', async () => {
  ConnectyCube.setSession({ token: 'no such token' });
  assert.deepEqual(await refusal(ConnectyCube.users.getV2({ id: 1 })),
    { code: 401, info: { errors: { base: ['Required session does not exist'] } } });
  assert.equal((await refusal(ConnectyCube.createSession({ login: ann.login, password: 'not the password' }))).code, 401);
});

test('error 403', async () => {
  await asSomebody(byLogin(ann));
  ConnectyCube.service.setCurrentUserId(bobId);
  assert.deepEqual(await refusal(ConnectyCube.users.update({ full_name: 'x' })),
    { code: 403, info: { errors: ["You don't have appropriate permissions to perform this operation"] } });
  assert.equal((await refusal(ConnectyCube.users.delete())).code, 403);
  await ConnectyCube.createSession();
  ConnectyCube.service.setCurrentUserId(bobId);
  assert.deepEqual(await refusal(ConnectyCube.users.update({ full_name: 'x' })),
    { code: 403, info: { errors: { base: ['Forbidden. Need user.'] } } });
});

test('error 404', async () => {
  assert.deepEqual(await refusal(ConnectyCube.users.get(999999999)),
    { code: 404, info: { errors: { base: ["Couldn't find user."] } } });
});

test('error 422', async () => {
  const short = await refusal(ConnectyCube.users.signup({ login: 'ab', email: 'x', password: 'short', tag_list: ['1', '2', '3', '4', '5', '6'] }));
  assert.equal(short.code, 422);
  assert.deepEqual(Object.keys(short.info.errors).sort(), ['email', 'login', 'password', 'tag_list']);
  const taken = await refusal(ConnectyCube.users.signup({
    ...ann, external_id: `E-${run}`, facebook_id: `fb-${run}`, twitter_id: `tw-${run}`,
  }));
  for (const field of ['login', 'email', 'external_id', 'facebook_id', 'twitter_id']) {
    assert.deepEqual(taken.info.errors[field], ['has already been taken']);
  }
});

test('delete', async () => {
  await asSomebody(byLogin(bob));
  await ConnectyCube.users.delete();
  await ConnectyCube.createSession();
  assert.deepEqual(ids(await ConnectyCube.users.getV2({ id: bobId })), []);
});
