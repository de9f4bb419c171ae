// What the identities may do, as a sequence of random states: Roles, ClusterRoles and their bindings.
// Every right is a reading one, and impersonation of somebody who has no more. A state is in force
// when upstream itself grants the marks that were written last.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Dice } from '../../conformance/differential/dice.ts';
import { subjects } from '../../conformance/differential/subjects.ts';
import type { ControlPlane } from '../../conformance/control-plane/control-plane.ts';
import { tokens } from '../../conformance/control-plane/users.ts';
import type { Identity, Subject } from './identities.ts';

export const namespaces = ['a', 'a-b', 'ab'] as const;
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const label = 'fuzz-state';
const pollMs = 20;
const patienceMs = 60_000;

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface Grant {
  readonly subject: Subject;
  /** `''`: in the whole cluster. */
  readonly namespace: string;
  readonly rules: readonly Rule[];
}

export interface RbacState {
  readonly number: number;
  readonly grants: readonly Grant[];
}

/** Rights of the fixtures that would hold in every state. */
export async function clearFixtureRights(controlPlane: ControlPlane): Promise<void> {
  await send(controlPlane, 'DELETE', `${rbac}/namespaces/a/rolebindings/alice`);
  await send(controlPlane, 'DELETE', `${rbac}/clusterrolebindings/wanda`);
}

const verbs = ['get', 'list', 'watch'] as const;

export function randomState(
  dice: Dice,
  number: number,
  identities: readonly Identity[],
  keys: ReadonlyMap<string, readonly string[]>,
): RbacState {
  const grants: Grant[] = [];
  for (const { name, subject } of identities) {
    if (subject === undefined) continue;
    const isAnonymous = name === 'no credential';
    const count = isAnonymous ? Number(dice.chance(0.3)) : 1 + dice.below(3);
    for (let i = 0; i < count; i += 1) {
      const namespace = dice.chance(0.35) ? '' : dice.pick(namespaces);
      const rules = [randomRule(dice, name, namespace, keys)];
      grants.push({ subject, namespace, rules });
    }
  }
  return { number, grants };
}

function randomRule(
  dice: Dice,
  who: Identity['name'],
  namespace: string,
  keys: ReadonlyMap<string, readonly string[]>,
): Rule {
  const granted = who === 'watch-only' ? ['watch'] : someOf(dice, verbs);
  if (who === 'resourceNames-only') return namedRule(dice, namespace, granted, keys);
  if (who === 'service account' && dice.chance(0.25)) {
    return { apiGroups: ['*'], resources: ['*'], verbs: granted };
  }
  if (who === 'namespace reader' && dice.chance(0.15)) {
    const resourceNames = [dice.pick(['wanda', 'nora'])];
    return { apiGroups: [''], resources: ['users'], verbs: ['impersonate'], resourceNames };
  }
  const choices = subjectsIn(namespace);
  const chosen = Array.from({ length: 1 + dice.below(4) }, () => dice.pick(choices));
  const resources = chosen.map(({ plural }) => plural);
  if (dice.chance(0.2)) resources.push(dice.pick(['pods/log', 'pods/status', 'nodes/status']));
  return { apiGroups: [...new Set(chosen.map(groupOf))], resources, verbs: granted };
}

/** Some objects by name: of a list or watch, only `metadata.name=` is then allowed. */
function namedRule(
  dice: Dice,
  namespace: string,
  granted: readonly string[],
  keys: ReadonlyMap<string, readonly string[]>,
): Rule {
  const subject = dice.pick(subjectsIn(namespace));
  const names = (keys.get(subject.name) ?? [])
    .filter((key) => namespace === '' || key.startsWith(`${namespace}/`))
    .map((key) => key.slice(key.indexOf('/') + 1));
  // A Namespace is in the namespace of its own name.
  if (subject.plural === 'namespaces' && namespace !== '') names.push(namespace);
  const resourceNames = names.length === 0 ? ['n'] : dice.shuffle(names).slice(0, 2);
  const resources = [subject.plural];
  return { apiGroups: [groupOf(subject)], resources, verbs: granted, resourceNames };
}

/** What a role there is about; most often about the first ones, that others ask for as well. */
function subjectsIn(namespace: string): typeof subjects {
  return subjects.filter(
    ({ namespaced, plural }) => namespace === '' || namespaced || plural === 'namespaces',
  );
}

function groupOf({ root }: { readonly root: string }): string {
  return root.startsWith('/apis/') ? root.split('/')[2] : '';
}

function someOf<T>(dice: Dice, all: readonly T[]): T[] {
  return dice.shuffle(all).slice(0, 1 + dice.below(all.length));
}

/** Replaces what the state before granted, and returns when upstream has taken all of it in. */
export async function enterState(controlPlane: ControlPlane, state: RbacState): Promise<void> {
  await removeOthers(controlPlane, state.number);
  const marks = markGrants(state.number);
  const all = [...state.grants, ...marks].map((grant, at) => ({ grant, name: `fuzz-${at}` }));
  // The marks come last, one of each kind, and each kind is told in its own order.
  for (const { grant, name } of all) await write(controlPlane, state.number, grant, name);
  const deadlineMs = Date.now() + patienceMs;
  for (const { namespace, rules } of marks) {
    while (!(await isGranted(controlPlane, namespace, rules[0]))) {
      if (Date.now() > deadlineMs)
        throw new Error(`state ${state.number} does not come into force`);
      await sleep(pollMs);
    }
  }
}

const marked: Subject = { kind: 'User', name: 'nobody' };
const markGroup = 'fuzz.example.com';

function markGrants(number: number): Grant[] {
  return ['', 'a'].map((namespace) => ({
    subject: marked,
    namespace,
    rules: [{ apiGroups: [markGroup], resources: [`${namespace}state-${number}`], verbs: ['get'] }],
  }));
}

async function isGranted(
  controlPlane: ControlPlane,
  namespace: string,
  rule: Rule,
): Promise<boolean> {
  // The mark of the whole cluster would answer for the namespace as well: each has a name of its own.
  const resource = rule.resources[0];
  const resourceAttributes = { namespace, verb: 'get', group: markGroup, resource };
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const { body } = await controlPlane.request('POST', path, {
    token: tokens.nobody,
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes },
    },
  });
  return (JSON.parse(body.toString()) as { status: { allowed: boolean } }).status.allowed;
}

const kindsOf = (namespace: string): readonly [role: string, scope: string] =>
  namespace === '' ? ['ClusterRole', rbac] : ['Role', `${rbac}/namespaces/${namespace}`];

async function write(
  controlPlane: ControlPlane,
  number: number,
  { subject, namespace, rules }: Grant,
  name: string,
): Promise<void> {
  const [role, scope] = kindsOf(namespace);
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const metadata = { name: `${name}-of-${number}`, labels: { [label]: `${number}` } };
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: role, name: metadata.name };
  const apiGroup = subject.kind === 'ServiceAccount' ? '' : 'rbac.authorization.k8s.io';
  const bound = { apiVersion, metadata, roleRef, subjects: [{ apiGroup, ...subject }] };
  await send(controlPlane, 'POST', `${scope}/${role.toLowerCase()}s`, {
    apiVersion,
    kind: role,
    metadata,
    rules,
  });
  const kind = `${role}Binding`;
  await send(controlPlane, 'POST', `${scope}/${kind.toLowerCase()}s`, { ...bound, kind });
}

async function removeOthers(controlPlane: ControlPlane, number: number): Promise<void> {
  const selector = encodeURIComponent(`${label},${label}!=${number}`);
  for (const namespace of ['', ...namespaces]) {
    const [role, scope] = kindsOf(namespace);
    for (const kind of [`${role}Binding`, role]) {
      const path = `${scope}/${kind.toLowerCase()}s?labelSelector=${selector}`;
      await send(controlPlane, 'DELETE', path);
    }
  }
}

async function send(
  controlPlane: ControlPlane,
  method: string,
  path: string,
  body?: unknown,
): Promise<void> {
  const answer = await controlPlane.request(method, path, { body });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.body}`);
}
