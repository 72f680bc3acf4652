# Genes and consequences, by one tool of five (none: genes come from a GTF when variants are ingested).
NOTES = config["annotation"]

if TOOL == "none":

    rule annotate_none:
        input:
            "work/filtered/{set}.vcf.gz",
        output:
            temp("work/annotated/{set}.vcf"),
        log:
            "logs/annotate/{set}.log",
        conda:
            "../envs/tools.yaml"
        shell:
            "bcftools view -O v -o {output:q} {input:q} 2> {log:q}"

elif TOOL == "csq":

    rule annotate_csq:
        input:
            vcf="work/filtered/{set}.vcf.gz",
            gff=NOTES["gff"],
            reference=REFERENCE,
        output:
            temp("work/annotated/{set}.vcf"),
        log:
            "logs/annotate/{set}.log",
        conda:
            "../envs/tools.yaml"
        shell:
            "bcftools csq --phase a --local-csq --fasta-ref {input.reference:q} --gff-annot {input.gff:q} -O v -o {output:q}"
            " {input.vcf:q} 2> {log:q}"

elif TOOL == "snpeff":

    rule annotate_snpeff:
        input:
            vcf="work/filtered/{set}.vcf.gz",
            made="work/snpeff/data/own/snpEffectPredictor.bin" if NOTES["gtf"] else [],
        output:
            temp("work/annotated/{set}.vcf"),
        log:
            "logs/annotate/{set}.log",
        params:
            program=NOTES["program"] or "snpEff",
            where=["-c", "work/snpeff/snpEff.config"] if NOTES["gtf"] else [],
            database="own" if NOTES["gtf"] else NOTES["database"],
        resources:
            mem_mb=2600,  # its JVM; none other says what it takes
        conda:
            "../envs/tools.yaml"
        shell:
            # Debian's snpEff first writes its own arguments to where the VCF goes.
            "{params.program:q} ann -Xmx2g -noStats -nodownload -noLog {params.where:q} {params.database:q} {input.vcf:q}"
            " 2> {log:q} | sed -n '/^##fileformat/,$p' > {output:q}"

elif TOOL == "annovar":

    rule annotate_annovar:
        input:
            "work/filtered/{set}.vcf.gz",
        output:
            temp("work/annotated/{set}.vcf"),
        log:
            "logs/annotate/{set}.log",
        params:
            program=NOTES["program"] or "table_annovar.pl",
            folder=NOTES["folder"],
            build=NOTES["build"],
            protocol=NOTES["protocol"],
            operation=NOTES["operation"],
        shell:
            "bcftools view -O v -o {output:q}.in.vcf {input:q} 2> {log:q}"
            " && {params.program:q} {output:q}.in.vcf {params.folder:q} -buildver {params.build:q} -out {output:q} -remove"
            " -protocol {params.protocol:q} -operation {params.operation:q} -nastring . -vcfinput >> {log:q} 2>&1"
            " && mv {output:q}.{params.build:q}_multianno.vcf {output:q}"
            " && rm -f {output:q}.in.vcf {output:q}.avinput {output:q}.{params.build:q}_multianno.txt"

elif TOOL == "vep":

    rule annotate_vep:
        input:
            vcf="work/filtered/{set}.vcf.gz",
            reference=REFERENCE,
        output:
            temp("work/annotated/{set}.vcf"),
        log:
            "logs/annotate/{set}.log",
        params:
            program=NOTES["program"] or "vep",
            folder=NOTES["folder"],
            build=NOTES["build"],
        threads: config["threads"]
        shell:
            "{params.program:q} --input_file {input.vcf:q} --format vcf --vcf --output_file {output:q} --force_overwrite"
            " --offline --cache --dir_cache {params.folder:q} --assembly {params.build:q} --fasta {input.reference:q}"
            " --symbol --hgvs --canonical --no_stats --fork {threads} > {log:q} 2>&1"
