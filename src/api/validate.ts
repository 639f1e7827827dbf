import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { AppError } from '../domain/app-error.ts';
import { fieldIssues } from '../domain/field-issues.ts';

/** Checks body, query, path and headers with the route's Zod schemas; a refusal names each field and its fix. */
export const validateWithZod: FastifySchemaCompiler<z.ZodType> = ({ schema }) => {
  return (data: unknown) => {
    const parsed = schema.safeParse(data);
    if (parsed.success) return { value: parsed.data };
    return { error: invalidInput(fieldIssues(parsed.error)) };
  };
};

/** The refusal of an input, with the fields at fault. */
export function invalidInput(issues: ReturnType<typeof fieldIssues>): AppError {
  const [first] = issues;
  const detail =
    first === undefined ? 'the input is not valid' : `${first.field || 'the body'} ${first.message}`;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return new AppError('INPUT_INVALID', 422, `${detail}${more}`, { issues: issues.slice(0, 20) });
}
