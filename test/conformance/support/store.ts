// Writes into etcd behind kube-apiserver's back, as another apiserver of the same cluster would while this
// one is down. Values keep their length, so that those in protobuf stay well formed.

import type { ControlPlane } from '../control-plane/control-plane.ts';

export class Store {
  readonly #url: string;

  constructor({ etcdUrl }: ControlPlane) {
    this.#url = etcdUrl;
  }

  /** The value with some text of it replaced by as many bytes. */
  async change(key: string, from: string, to: string): Promise<void> {
    await this.#put(key, replaced(await this.#get(key), from, to));
  }

  /** Another object of the same content, but for `from` in its name. */
  async copy(key: string, from: string, to: string): Promise<void> {
    await this.#put(key.replace(from, to), replaced(await this.#get(key), from, to));
  }

  async delete(key: string): Promise<void> {
    await this.#call('deleterange', { key: encoded(key) });
  }

  async #get(key: string): Promise<Buffer> {
    const { kvs } = (await this.#call('range', { key: encoded(key) })) as {
      readonly kvs?: readonly { readonly value: string }[];
    };
    if (kvs === undefined) throw new Error(`nothing is stored at ${key}`);
    return Buffer.from(kvs[0].value, 'base64');
  }

  async #put(key: string, value: Buffer): Promise<void> {
    await this.#call('put', { key: encoded(key), value: value.toString('base64') });
  }

  async #call(what: string, body: object): Promise<unknown> {
    const url = `${this.#url}/v3/kv/${what}`;
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }
}

function encoded(key: string): string {
  return Buffer.from(key).toString('base64');
}

function replaced(value: Buffer, from: string, to: string): Buffer {
  const text = value.toString('latin1');
  if (from.length !== to.length) throw new Error(`${from} and ${to} are not of one length`);
  if (!text.includes(from)) throw new Error(`${from} does not occur`);
  return Buffer.from(text.replaceAll(from, to), 'latin1');
}
