// Signing in through a Custom Identity Provider with ConnectyCube's own SDK, unmodified, against a running emulator whose
// identity provider knows the token "good" and no other:
//
//   node identity.mjs http://127.0.0.1:8390
import assert from 'node:assert/strict';
import { test } from 'node:test';
import ConnectyCube from 'connectycube';

ConnectyCube.init({ appId: 1, authKey: 'emulator-auth-key' }, { endpoints: { api_url: process.argv[2] }, debug: { mode: 0 } });
const token = { login: 'good', password: 'any' };

test('a custom identity provider makes one user', async () => {
  await ConnectyCube.createSession();
  const user = await ConnectyCube.auth.login(token);
  assert.equal(user.login, 'custom_2345');
  assert.equal((await ConnectyCube.createSession(token)).user_id, user.id);
  assert.equal((await ConnectyCube.users.update({ full_name: 'Simon' })).user.full_name, 'Simon');
});

test('a custom identity provider refuses', async () => {
  await ConnectyCube.createSession();
  const refused = await ConnectyCube.auth.login({ ...token, login: 'unknown' }).then(() => assert.fail('not refused'), (e) => e);
  assert.equal(refused.code, 422);
  assert.match(refused.info.errors[0], /^Bad Authentication data\./);
});
