// `npm test` holds a short form of what takes long; `npm run security` asks for all of it.

const variable = 'WATERSHED_SECURITY_FORM';

export const isLongForm = process.env[variable] === 'long';

/** For the environment of the long form. */
export const longForm: Readonly<Record<string, string>> = { [variable]: 'long' };
