/**
 * Slots in the byte order of their keys, in blocks of 512. Only inserts and removals touch it: an update of an object
 * keeps its slot and its place in the order, which is why writes cost O(1) (design P5, cache-measurements 2).
 *
 * Sorted input (an initial list) fills blocks from the left. Each block counts its live slots, so that "how many objects
 * are left after this key" needs a look at the block heads only.
 */

/** What the order asks of the owner of the slots. */
export interface SlotOrder {
  /** Compares a slot's key with `length` bytes at `start`: < 0, 0, > 0. */
  compareKey(slot: number, bytes: Uint8Array, start: number, length: number): number;
  isLive(slot: number): boolean;
}

const BLOCK_SLOTS = 512;
/** A full last block is left this full when keys arrive in order, so that later inserts find room. */
const APPEND_KEEP = 480;
/** A block this short joins a neighbour, so that what churn leaves behind does not cost 2 KiB a key. */
const MERGE_BELOW = 128;
/** Joined blocks keep room, or the next insert would split them again. */
const MERGED_MOST = 384;

export interface Block {
  readonly slots: Int32Array;
  length: number;
  live: number;
}

/** A place in the order: block number and index in it. Valid while `version` is unchanged. */
export interface OrderPosition {
  block: number;
  index: number;
}

function emptyBlock(): Block {
  return { slots: new Int32Array(BLOCK_SLOTS), length: 0, live: 0 };
}

export class Order {
  readonly #owner: SlotOrder;
  readonly blocks: Block[] = [emptyBlock()];
  /** Changes with every insert and removal; a walk that sees another number seeks its key again. */
  version = 0;
  length = 0;

  constructor(owner: SlotOrder) {
    this.#owner = owner;
  }

  /** Adds a slot under a key that is not in the order. The slot counts as live. */
  insert(slot: number, bytes: Uint8Array, start: number, length: number): void {
    const at = this.seek(bytes, start, length);
    let block = this.blocks[at.block];
    let index = at.index;
    if (block.length === BLOCK_SLOTS) {
      const next = this.#split(at.block, index);
      if (index > block.length) {
        index -= block.length;
        block = next;
      }
    }
    block.slots.copyWithin(index + 1, index, block.length);
    block.slots[index] = slot;
    block.length++;
    block.live++;
    this.length++;
    this.version++;
  }

  /** Takes a slot out. Its key must still be readable through the owner. */
  remove(slot: number, bytes: Uint8Array, start: number, length: number): void {
    const at = this.seek(bytes, start, length);
    const block = this.blocks[at.block];
    if (block.slots[at.index] !== slot) throw new Error('order does not hold this slot');
    if (this.#owner.isLive(slot)) block.live--;
    block.slots.copyWithin(at.index, at.index + 1, block.length);
    block.length--;
    this.length--;
    this.version++;
    if (block.length < MERGE_BELOW) this.#merge(at.block);
  }

  /** A slot of this key became live (+1) or a tombstone (-1). */
  countLive(change: 1 | -1, bytes: Uint8Array, start: number, length: number): void {
    this.blocks[this.seek(bytes, start, length).block].live += change;
  }

  /** First position whose key is >= the given one. The index may be one past the end of the last block. */
  seek(bytes: Uint8Array, start: number, length: number): OrderPosition {
    let low = 0;
    let high = this.blocks.length - 1;
    // The block to look in is the last one whose first key is <= the key.
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const first = this.blocks[middle].slots[0];
      if (this.#owner.compareKey(first, bytes, start, length) <= 0) low = middle;
      else high = middle - 1;
    }
    const block = this.blocks[low];
    let left = 0;
    let right = block.length;
    while (left < right) {
      const middle = (left + right) >>> 1;
      if (this.#owner.compareKey(block.slots[middle], bytes, start, length) < 0) left = middle + 1;
      else right = middle;
    }
    if (left === block.length && low + 1 < this.blocks.length) return { block: low + 1, index: 0 };
    return { block: low, index: left };
  }

  /** Live slots from one position (inclusive) to another (exclusive). O(blocks + 2 x 512). */
  liveBetween(from: OrderPosition, to: OrderPosition): number {
    if (from.block === to.block) return this.#liveIn(from.block, from.index, to.index);
    let sum = this.#liveIn(from.block, from.index, BLOCK_SLOTS);
    for (let b = from.block + 1; b < to.block; b++) sum += this.blocks[b].live;
    return sum + this.#liveIn(to.block, 0, to.index);
  }

  get end(): OrderPosition {
    const block = this.blocks.length - 1;
    return { block, index: this.blocks[block].length };
  }

  get allocatedBytes(): number {
    return this.blocks.length * BLOCK_SLOTS * 4;
  }

  #liveIn(block: number, from: number, to: number): number {
    const { slots, length } = this.blocks[block];
    let sum = 0;
    for (let i = from; i < Math.min(to, length); i++) if (this.#owner.isLive(slots[i])) sum++;
    return sum;
  }

  /** Joins a short block with the shorter of its neighbours, if both fit one block with room to spare. */
  #merge(number: number): void {
    const length = (n: number): number => this.blocks[n]?.length ?? BLOCK_SLOTS;
    const left = length(number - 1) <= length(number + 1) ? number - 1 : number;
    if (length(left) + length(left + 1) > MERGED_MOST) return;
    const into = this.blocks[left];
    const from = this.blocks[left + 1];
    into.slots.set(from.slots.subarray(0, from.length), into.length);
    into.length += from.length;
    into.live += from.live;
    this.blocks.splice(left + 1, 1);
  }

  /** Makes room in a full block; `index` is where the new key belongs. Returns the new right-hand block. */
  #split(number: number, index: number): Block {
    const block = this.blocks[number];
    const appending = number === this.blocks.length - 1 && index === BLOCK_SLOTS;
    const keep = appending ? APPEND_KEEP : BLOCK_SLOTS >>> 1;
    const right = emptyBlock();
    right.slots.set(block.slots.subarray(keep, BLOCK_SLOTS));
    right.length = BLOCK_SLOTS - keep;
    block.length = keep;
    block.live = 0;
    for (let i = 0; i < keep; i++) if (this.#owner.isLive(block.slots[i])) block.live++;
    for (let i = 0; i < right.length; i++) if (this.#owner.isLive(right.slots[i])) right.live++;
    this.blocks.splice(number + 1, 0, right);
    return right;
  }
}
