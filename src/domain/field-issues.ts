import type { z } from 'zod';
import type { FieldIssue } from './app-error.ts';

type Issue = z.core.$ZodIssue;

function fieldName(path: readonly PropertyKey[]): string {
  return path.reduce<string>((name, part) => {
    if (typeof part === 'number') return `${name}[${part}]`;
    return name === '' ? String(part) : `${name}.${String(part)}`;
  }, '');
}

function plainIssues(issue: Issue): FieldIssue[] {
  const field = fieldName(issue.path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        field: fieldName([...issue.path, key]),
        message: 'is not a field known here; remove it or correct its name',
      }));
    case 'invalid_type':
      return [
        {
          field,
          message: issue.message.endsWith('received undefined')
            ? `is missing; send a ${issue.expected}`
            : `must be of type ${issue.expected}`,
        },
      ];
    case 'invalid_value':
      return [{ field, message: `must be one of: ${issue.values.map(String).join(', ')}` }];
    default:
      return [{ field, message: issue.message }];
  }
}

/** Turns Zod's issues into plain ones that name the field as the caller wrote it, such as `imageUrls[3]`. */
export function fieldIssues(error: z.ZodError): FieldIssue[] {
  return error.issues.flatMap(plainIssues);
}
